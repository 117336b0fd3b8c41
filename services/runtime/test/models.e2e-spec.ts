// SPDX-License-Identifier: Apache-2.0
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { Authenticator, mintToken, type PlatformKey, type Role } from '#libs/auth';
import { newId } from '#libs/clock';
import type { RunningService } from '#libs/service-host';
import { putModelFolder } from '#libs/storage';
import { loadModelFolder, packageFile, saveModelFolder } from '#libs/tiny-lm';
import { type Answer, call, clientOf, PROMPT, putModel, RuntimeHarness } from './runtime-harness';

let harness: RuntimeHarness;
let running: RunningService;

beforeAll(async () => {
  harness = await RuntimeHarness.create();
  running = await harness.start();
});
afterAll(() => harness.close());

describe('without a model', () => {
  it('is ready, lists none, and answers 404 in the words of OpenAI', async () => {
    expect((await call(running, 'GET', '/health/ready')).status).toBe(200);
    expect(await call(running, 'GET', '/v1/models')).toEqual({ status: 200, body: { object: 'list', data: [] } });
    const answer = await call(running, 'POST', '/v1/completions', { model: 'none-v1', prompt: 'x' });
    expect(answer.status).toBe(404);
    expect(answer.body.error).toMatchObject({ type: 'invalid_request_error', param: 'model', code: 'model_not_found' });
  });
});

describe('models', () => {
  it('are loaded by digest, once however often it is asked for', async () => {
    const first = await call(running, 'PUT', '/api/v1/models/triage-v1', {
      manifestDigest: harness.digests.base,
      aliases: ['triage'],
    });
    expect(first).toMatchObject({
      status: 200,
      body: { id: 'triage-v1', manifestDigest: harness.digests.base, isResident: true },
    });
    expect(
      (await call(running, 'PUT', '/api/v1/models/triage-v1', { manifestDigest: harness.digests.base, aliases: ['triage'] }))
        .body,
    ).toEqual(first.body);
    expect((await clientOf(running).models.list()).data.map(({ id }) => id)).toEqual(['triage-v1', 'triage']);
    expect((await clientOf(running).models.retrieve('triage')).id).toBe('triage');
    expect((await call(running, 'GET', '/health/ready')).body.checks.generation).toBe('ok');
  });

  it('keep their version: another digest under a taken id or alias is refused', async () => {
    const other = await putModel(running, 'triage-v1', harness.digests.other);
    expect(other).toMatchObject({ status: 409, body: { code: 'RUNTIME.MODEL_ID_TAKEN' } });
    expect((await putModel(running, 'triage', harness.digests.other)).status).toBe(409);
  });

  it.each([
    [{ manifestDigest: 'abc' }, /manifestDigest: must be the sha256/],
    [{}, /manifestDigest/],
    [{ manifestDigest: 'a'.repeat(64), colour: 'red' }, /colour: unknown field/],
    [{ manifestDigest: 'a'.repeat(64), aliases: ['a b'] }, /aliases/],
  ])('refuse a wrong body %j', async (body, reason) => {
    const answer = await call(running, 'PUT', '/api/v1/models/x', body);
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toMatch(reason);
  });

  it('that are not in storage are refused', async () => {
    const answer = await putModel(running, 'ghost-v1', 'a'.repeat(64));
    expect(answer).toMatchObject({ status: 412, body: { code: 'RUNTIME.MODEL_REFUSED', details: { file: 'manifest' } } });
  });

  it('with a file altered on disk are refused, and the file is named', async () => {
    const model = loadModelFolder(packageFile('base'));
    saveModelFolder(join(harness.folder, 'spoiled'), { ...model, parameters: model.parameters.map((v) => v + 1) });
    const { digest, manifest } = await putModelFolder(harness.store, join(harness.folder, 'spoiled'));
    const sha256 = manifest.files.find(({ path }) => path === 'model.safetensors')?.sha256 ?? '';
    const path = await findFile(join(harness.folder, 'blobs'), sha256);
    const bytes = await readFile(path);
    bytes[bytes.length - 5] ^= 1;
    await rm(path);
    await writeFile(path, bytes);
    const answer = await putModel(running, 'spoiled-v1', digest);
    expect(answer).toMatchObject({
      status: 412,
      body: { code: 'RUNTIME.MODEL_REFUSED', details: { file: 'model.safetensors' } },
    });
    expect(answer.body.detail).toMatch(/model\.safetensors of model .* has been altered/);
  });

  it('that this server cannot compute are refused, and the field is named', async () => {
    await writeFile(join(harness.folder, 'other', 'config.json'), '{"model_type":"gpt2"}');
    const { digest } = await putModelFolder(harness.store, join(harness.folder, 'other'));
    const answer = await putModel(running, 'gpt-v1', digest);
    expect(answer).toMatchObject({ status: 412, body: { details: { file: 'model_type' } } });
  });

  it('are unloaded, and then unknown', async () => {
    expect((await putModel(running, 'other-v1', harness.digests.other)).status).toBe(200);
    expect((await call(running, 'DELETE', '/api/v1/models/other-v1')).status).toBe(204);
    expect((await call(running, 'DELETE', '/api/v1/models/other-v1')).status).toBe(404);
    expect((await call(running, 'GET', '/api/v1/models')).body.items.map((item: { id: string }) => item.id)).toEqual([
      'triage-v1',
    ]);
  });
});

async function findFile(root: string, name: string): Promise<string> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && entry.name.includes(name.slice(4)));
  if (!found) throw new Error(`no blob ${name}`);
  return join(found.parentPath, found.name);
}

describe('with identity on', () => {
  const key = 'a-key-for-specs-only-with-32-bytes-or-more';

  it('asks for a token: a viewer may generate, only an admin may load', async () => {
    const guarded = await harness.start({ MILLRACE_AUTH: 'on', AUTH_SIGNING_KEY: key });
    try {
      const platformKey = guarded.get(Authenticator).key as PlatformKey;
      const token = (role: Role): Promise<string> =>
        mintToken(platformKey, { subject: 'someone', roles: { default: role }, expiresInSeconds: 60 });
      const send = async (role: Role | undefined, method: string, path: string, body: object): Promise<number> => {
        const authorization = role ? { authorization: `Bearer ${await token(role)}` } : undefined;
        const headers = { 'content-type': 'application/json', ...authorization };
        return (await fetch(guarded.baseUrl + path, { method, headers, body: JSON.stringify(body) })).status;
      };
      const load = { manifestDigest: harness.digests.base };
      expect(await send(undefined, 'PUT', '/api/v1/models/m-v1', load)).toBe(401);
      expect(await send('editor', 'PUT', '/api/v1/models/m-v1', load)).toBe(403);
      expect(await send('admin', 'PUT', '/api/v1/models/m-v1', load)).toBe(200);
      const ask = { model: 'm-v1', prompt: 'x', max_tokens: 1 };
      expect(await send(undefined, 'POST', '/v1/completions', ask)).toBe(401);
      expect(await send('viewer', 'POST', '/v1/completions', ask)).toBe(200);
    } finally {
      await guarded.close();
    }
  });

  it('keeps the models of a workspace from all others: none sees, asks, loads or unloads one of them', async () => {
    const guarded = await harness.start({ MILLRACE_AUTH: 'on', AUTH_SIGNING_KEY: key });
    try {
      const platformKey = guarded.get(Authenticator).key as PlatformKey;
      const send = async (workspace: string, method: string, path: string, body?: object): Promise<Answer> => {
        const token = await mintToken(platformKey, { subject: 'x', roles: { [workspace]: 'admin' }, expiresInSeconds: 60 });
        const headers = {
          ...(body ? { 'content-type': 'application/json' } : {}),
          authorization: `Bearer ${token}`,
          'x-millrace-workspace': workspace === '*' ? 'default' : workspace,
        };
        const response = await fetch(guarded.baseUrl + path, { method, headers, body: body && JSON.stringify(body) });
        const text = await response.text();
        return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
      };
      const load = { manifestDigest: harness.digests.base };
      // The gateway is an admin of every workspace.
      for (const id of ['acme:fraud-v1', 'plain-v1'])
        expect((await send('*', 'PUT', `/api/v1/models/${id}`, load)).status).toBe(200);

      const idsFor = async (workspace: string): Promise<string[][]> => [
        (await send(workspace, 'GET', '/api/v1/models')).body.items.map((item: { id: string }) => item.id),
        (await send(workspace, 'GET', '/v1/models')).body.data.map((item: { id: string }) => item.id),
      ];
      expect(await idsFor('*')).toEqual(Array(2).fill(['acme:fraud-v1', 'plain-v1']));
      expect(await idsFor('acme')).toEqual(Array(2).fill(['acme:fraud-v1']));
      expect(await idsFor('default')).toEqual(Array(2).fill(['plain-v1']));
      expect(await idsFor('rival')).toEqual([[], []]);

      for (const [id, owner] of [
        ['acme:fraud-v1', 'acme'],
        ['plain-v1', 'default'],
      ]) {
        const asked = { model: id, prompt: 'x', max_tokens: 1 };
        expect((await send(owner, 'POST', '/v1/completions', asked)).status).toBe(200);
        expect((await send('rival', 'POST', '/v1/completions', asked)).status).toBe(404);
        const chat = { model: id, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 };
        expect((await send('rival', 'POST', '/v1/chat/completions', chat)).status).toBe(404);
        expect((await send('rival', 'GET', `/v1/models/${id}`)).status).toBe(404);
        expect((await send('rival', 'PUT', `/api/v1/models/${id}`, load)).status).toBe(403);
        expect((await send('rival', 'PUT', '/api/v1/models/rival:m-v1', { ...load, aliases: [id] })).status).toBe(403);
        expect((await send('rival', 'DELETE', `/api/v1/models/${id}`)).status).toBe(403);
        expect((await send(owner, 'DELETE', `/api/v1/models/${id}`)).status).toBe(204);
      }
      expect((await send('rival', 'PUT', '/api/v1/models/rival:m-v1', load)).status).toBe(200);
    } finally {
      await guarded.close();
    }
  });
});

describe('a restart', () => {
  it('is ready while one of its models can be served, although the first one cannot', async () => {
    const workDir = join(harness.folder, newId());
    const before = await harness.start({ WORK_DIR: workDir });
    const model = loadModelFolder(packageFile('base'));
    saveModelFolder(join(harness.folder, 'lost'), { ...model, parameters: model.parameters.map((v) => v * 1.02) });
    const { digest } = await putModelFolder(harness.store, join(harness.folder, 'lost'));
    await putModel(before, 'a-lost', digest);
    await putModel(before, 'b-kept', harness.digests.base);
    await before.close();
    await harness.store.delete(digest);
    const after = await harness.start({ WORK_DIR: workDir });
    try {
      expect((await call(after, 'GET', '/health/ready')).body.checks.generation).toBe('ok');
      expect((await call(after, 'POST', '/v1/completions', { model: 'a-lost', prompt: PROMPT })).status).toBe(412);
      await call(after, 'DELETE', '/api/v1/models/b-kept');
    } finally {
      await after.close();
    }
    const none = await harness.start({ WORK_DIR: workDir });
    expect((await call(none, 'GET', '/health/ready')).status).toBe(503);
    await none.close();
  });

  it('serves the same models again, and a stop lets running requests finish', async () => {
    const workDir = join(harness.folder, newId());
    const before = await harness.start({ WORK_DIR: workDir });
    await putModel(before, 'triage-v9', harness.digests.base);
    const request = { model: 'triage-v9', prompt: 'a', max_tokens: 90, temperature: 2, seed: 1 };
    const whole = await clientOf(before).completions.create(request);
    const chunks = (await clientOf(before).completions.create({ ...request, stream: true }))[Symbol.asyncIterator]();
    let text = ((await chunks.next()).value as OpenAI.Completion).choices[0].text;
    const closed = before.close();
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) text += next.value.choices[0].text;
    expect(text).toBe(whole.choices[0].text);
    expect(await closed).toBe(true);
    const after = await harness.start({ WORK_DIR: workDir });
    try {
      expect((await clientOf(after).models.list()).data.map(({ id }) => id)).toEqual(['triage-v9']);
      expect((await call(after, 'GET', '/health/ready')).status).toBe(200);
      expect((await clientOf(after).completions.create({ model: 'triage-v9', prompt: PROMPT })).choices).toHaveLength(1);
    } finally {
      await after.close();
    }
  });
});
