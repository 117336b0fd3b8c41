// SPDX-License-Identifier: Apache-2.0
import { decodeJwt } from 'jose';
import { parsePlatformKey, mintToken, type Role } from '#libs/auth';
import { gateway as contract } from '#libs/contracts';
import { createRpcClient } from '#libs/rpc';
import { eventually } from '#libs/testing';
import { GatewayHarness } from './gateway-harness';

jest.setTimeout(30_000);

const A = { 'x-millrace-workspace': 'team-a' };
const B = { 'x-millrace-workspace': 'team-b' };

describe('workspaces', () => {
  let gateway: GatewayHarness;
  let rolloutId: string;
  let keyId: string;

  beforeAll(async () => {
    gateway = await GatewayHarness.start();
    await gateway.endpoint('triage', { workspace: 'team-a', body: { rolloutPolicy: { steps: [50] } } });
    await gateway.aliasMoved('triage', 2, {}, 'team-a');
    rolloutId = (await gateway.until('triage', ({ state }) => state === 'rolling-out', A)).rolloutId;
    keyId = (await gateway.call('POST', '/api/v1/api-keys', { name: 'a' }, A)).body.id;
  }, 60_000);
  afterAll(() => gateway.close(), 30_000);

  it('loads the same model of two workspaces under two ids', async () => {
    expect([...gateway.backend.loaded.keys()].sort()).toEqual(['team-a:triage-v1', 'team-a:triage-v2']);
    await gateway.endpoint('triage', { workspace: 'team-c' });
    expect(gateway.backend.loaded.has('team-c:triage-v1')).toBe(true);
  });

  it('serves a workspace named by header or by path, and no other', async () => {
    expect((await gateway.chat('triage', {}, A)).status).toBe(200);
    const body = { model: 'triage', messages: [{ role: 'user', content: 'x' }] };
    expect((await gateway.call('POST', '/w/team-a/v1/chat/completions', body)).status).toBe(200);
    expect((await gateway.chat('triage', {}, B)).body.error.code).toBe('model_not_found');
    expect((await gateway.chat('triage')).status).toBe(404);
    expect((await gateway.call('GET', '/v1/models', undefined, B)).body.data).toEqual([]);
    expect((await gateway.call('GET', '/v1/models/triage', undefined, B)).status).toBe(404);
    expect((await gateway.call('GET', '/v1/models', undefined, A)).body.data).toHaveLength(1);
  });

  it.each([
    ['GET', () => '/api/v1/endpoints/triage', undefined],
    ['PATCH', () => '/api/v1/endpoints/triage', { captureBytesMax: 0 }],
    ['DELETE', () => '/api/v1/endpoints/triage', undefined],
    ['GET', () => `/api/v1/rollouts/${rolloutId}`, undefined],
    ['POST', () => `/api/v1/rollouts/${rolloutId}/promote`, {}],
    ['POST', () => `/api/v1/rollouts/${rolloutId}/roll-back`, {}],
    ['DELETE', () => `/api/v1/api-keys/${keyId}`, undefined],
  ])('hides things of another workspace: %s %s', async (method, path, body) => {
    const reply = await gateway.call(method, path(), body, B);
    expect([reply.status, reply.body.code]).toEqual([404, 'COMMON.NOT_FOUND']);
  });

  it.each(['endpoints', 'rollouts', 'deployments', 'api-keys', 'inference-events/dropped'])(
    'lists nothing of another workspace: %s',
    async (noun) => {
      const mine = await gateway.call('GET', `/api/v1/${noun}`, undefined, A);
      const theirs = await gateway.call('GET', `/api/v1/${noun}`, undefined, B);
      expect(mine.status).toBe(200);
      if (!noun.startsWith('inference')) expect(mine.body.items.length).toBeGreaterThan(0);
      expect(theirs.body.items).toEqual([]);
    },
  );

  it('keeps workspaces apart over gRPC', async () => {
    const { grpcAddress: address } = gateway.service;
    const endpoints = createRpcClient(contract.EndpointServiceService, { address, service: 'spec' });
    const rollouts = createRpcClient(contract.RolloutServiceService, { address, service: 'spec' });
    const apiKeys = createRpcClient(contract.ApiKeyServiceService, { address, service: 'spec' });
    const page = { pageSize: 0, pageToken: '' };
    const by = (workspace: string) => ({ workspace, deadlineMs: 5000 });
    try {
      const endpoint = (await endpoints.getEndpoint({ name: 'triage' }, by('team-a'))).endpoint!;
      expect(endpoint).toMatchObject({
        modelUri: 'models:/triage@champion',
        state: 'ENDPOINT_STATE_ROLLING_OUT',
        serving: { modelName: 'triage', version: 1 },
        rolloutPolicy: { steps: [50] },
      });
      await expect(endpoints.getEndpoint({ name: 'triage' }, by('team-b'))).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      expect((await endpoints.listEndpoints(page, by('team-b'))).endpoints).toEqual([]);
      expect((await endpoints.listDeployments({ ...page, modelName: '' }, by('team-b'))).deployments).toEqual([]);
      expect((await endpoints.listDeployments({ ...page, modelName: 'triage' }, by('team-a'))).deployments).toHaveLength(2);
      await expect(rollouts.getRollout({ id: rolloutId }, by('team-b'))).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      const end = { id: rolloutId, reason: '', requestId: '' };
      await expect(rollouts.rollBackRollout(end, by('team-b'))).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      await expect(rollouts.promoteRollout(end, by('team-b'))).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      expect((await rollouts.listRollouts({ ...page, endpoint: '' }, by('team-b'))).rollouts).toEqual([]);
      expect((await rollouts.listRollouts({ ...page, endpoint: 'triage' }, by('team-a'))).rollouts).toMatchObject([
        { id: rolloutId, state: 'ROLLOUT_STATE_RUNNING', candidatePercent: 50 },
      ]);
      expect((await apiKeys.listApiKeys(page, by('team-b'))).apiKeys).toEqual([]);
      await expect(apiKeys.revokeApiKey({ id: keyId }, by('team-b'))).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      const other = {
        name: 'x',
        captureBytesMax: 5,
        rolloutPolicy: undefined,
        timeoutSeconds: undefined,
        etag: '',
        requestId: '',
      };
      await expect(endpoints.updateEndpoint(other, by('team-a'))).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
      const updated = await endpoints.updateEndpoint({ ...other, name: 'triage' }, by('team-a'));
      expect(updated.endpoint).toMatchObject({ captureBytesMax: 5, timeoutSeconds: 120, etag: '2' });
    } finally {
      for (const client of [endpoints, rollouts, apiKeys]) client.close();
    }
  });

  it('does not let an alias or a verdict of one workspace touch another', async () => {
    await gateway.endpoint('triage', { workspace: 'team-d' });
    await gateway.handled(
      await gateway.aliasMoved('triage', 9, {}, 'team-b'),
      await gateway.verdict(rolloutId, 'ROLLBACK', { workspace: 'team-b' }),
    );
    expect(await gateway.get('triage', { 'x-millrace-workspace': 'team-d' })).toMatchObject({
      serving: { version: 1 },
      pending: null,
    });
    expect((await gateway.call('GET', `/api/v1/rollouts/${rolloutId}`, undefined, A)).body.state).toBe('running');
  });

  it('walks pages', async () => {
    for (const name of ['p1', 'p2', 'p3']) await gateway.endpoint(name, { workspace: 'team-p' });
    const P = { 'x-millrace-workspace': 'team-p' };
    for (const noun of ['endpoints', 'deployments']) {
      const seen: string[] = [];
      let token = '';
      do {
        const page = (await gateway.call('GET', `/api/v1/${noun}?pageSize=2&pageToken=${token}`, undefined, P)).body;
        seen.push(...page.items.map((item: { name?: string; id?: string }) => item.name ?? item.id));
        token = page.nextPageToken;
      } while (token !== '');
      expect(new Set(seen).size).toBe(3);
    }
  });

  it('refuses a page token that was changed, and one of another list, workspace or filter, by its field', async () => {
    const P = { 'x-millrace-workspace': 'team-p' };
    const tokenOf = async (list: string): Promise<string> =>
      (await gateway.call('GET', `/api/v1/${list}pageSize=1`, undefined, P)).body.nextPageToken;
    const endpoints = await tokenOf('endpoints?');
    const deployments = await tokenOf('deployments?');
    expect([endpoints, deployments]).not.toContain('');
    const parts = JSON.parse(Buffer.from(endpoints, 'base64url').toString()) as unknown[];
    const changed = Buffer.from(JSON.stringify([...parts.slice(0, -1), 'a'])).toString('base64url');
    const refused: [list: string, token: string, headers: Record<string, string>][] = [
      ['endpoints?', changed, P],
      ['endpoints?', endpoints.slice(0, -2), P],
      ['endpoints?', endpoints, A],
      ['endpoints?', deployments, P],
      ['deployments?', endpoints, P],
      ['api-keys?', endpoints, P],
      ['rollouts?', deployments, P],
      ['deployments?modelName=triage&', deployments, P],
    ];
    for (const [list, token, headers] of refused) {
      const { status, body } = await gateway.call('GET', `/api/v1/${list}pageToken=${token}`, undefined, headers);
      expect([list, status, body.code, body.errors]).toEqual([
        list,
        400,
        'COMMON.INVALID_ARGUMENT',
        [expect.objectContaining({ field: 'pageToken' })],
      ]);
    }
    expect((await gateway.call('GET', `/api/v1/endpoints?pageToken=${endpoints}`, undefined, P)).status).toBe(200);
  });

  it('names every wrong field of an endpoint', async () => {
    const fields = async (body: object): Promise<string[]> => {
      const reply = await gateway.call('POST', '/api/v1/endpoints', body);
      expect(reply.status).toBe(400);
      return reply.body.errors.map(({ field }: { field: string }) => field);
    };
    const good = { name: 'x', modelUri: 'models:/m@champion' };
    expect(await fields({ ...good, modelUri: 'm' })).toEqual(['modelUri']);
    expect(await fields({ ...good, colour: 1 })).toEqual(['colour']);
    expect(await fields({ ...good, captureBytesMax: 'all' })).toContain('captureBytesMax');
    expect(await fields({ ...good, rolloutPolicy: { steps: [5, 1], margins: 1 } })).toEqual(['rolloutPolicy.margins']);
    expect(await fields({ ...good, rolloutPolicy: { steps: [5, 1] } })).toEqual(['rolloutPolicy.steps[1]']);
    const elsewhere = await gateway.call('POST', '/api/v1/endpoints', { ...good, backendUrl: 'http://169.254.169.254' });
    expect([elsewhere.status, elsewhere.body.code]).toEqual([403, 'GATEWAY.BACKEND_NOT_ALLOWED']);
    const taken = await gateway.call('POST', '/api/v1/endpoints', { ...good, name: 'triage' }, A);
    expect([taken.status, taken.body.code]).toEqual([409, 'GATEWAY.ENDPOINT_EXISTS']);
  });
});

describe('API keys and tokens with identity on', () => {
  let gateway: GatewayHarness;
  const key = parsePlatformKey('a-key-for-specs-only-with-32-bytes-or-more');
  const bearer = async (role: Role, workspace: string): Promise<Record<string, string>> => {
    const token = await mintToken(key, { subject: `${role}@example.org`, roles: { [workspace]: role }, expiresInSeconds: 600 });
    return { authorization: `Bearer ${token}` };
  };

  beforeAll(async () => {
    gateway = await GatewayHarness.start({ MILLRACE_AUTH: 'on' });
    gateway.registry.versions.set('team-a/triage@champion', { version: 1, manifestDigest: 'd'.repeat(64) });
    const editor = { ...A, ...(await bearer('editor', 'team-a')) };
    await gateway.call('POST', '/api/v1/endpoints', { name: 'triage', modelUri: 'models:/triage@champion' }, editor);
    await gateway.until('triage', ({ state }) => state === 'serving', editor);
  }, 60_000);
  afterAll(() => gateway.close(), 30_000);

  it('asks for a key, takes the workspace from it, and refuses it within a second after it was revoked', async () => {
    const none = await gateway.chat('triage', {}, A);
    expect([none.status, none.body.error.code, none.headers.get('x-should-retry')]).toEqual([401, 'invalid_api_key', 'false']);
    expect((await gateway.chat('triage', {}, { authorization: 'Bearer unused' })).status).toBe(401);
    const admin = { ...A, ...(await bearer('admin', 'team-a')) };
    const made = (await gateway.call('POST', '/api/v1/api-keys', { name: 'app' }, admin)).body;
    expect(made.secret).toMatch(/^sk-mr-[\w-]{32}$/);
    await gateway.live();
    const authorization = `Bearer ${made.secret}`;
    expect((await gateway.chat('triage', {}, { authorization })).status).toBe(200);
    // The backend sees who the gateway is, never the caller's key.
    const shown = gateway.backend.requests.at(-1)!.headers.authorization!;
    expect(shown).not.toContain('sk-mr-');
    expect(decodeJwt(shown.replace('Bearer ', '')).sub).toBe('service:gateway');
    expect((await gateway.chat('triage', {}, { authorization, ...B })).status).toBe(403);
    const rows = await gateway.sql<object>('select * from api_keys');
    expect(JSON.stringify(rows)).not.toContain(made.secret);
    const listed = await gateway.call('GET', '/api/v1/api-keys', undefined, admin);
    expect(JSON.stringify(listed.body)).not.toContain(made.secret);
    expect(listed.body.items).toMatchObject([{ id: made.id, name: 'app', prefix: made.secret.slice(0, 10), revokeTime: null }]);
    await gateway.call('DELETE', `/api/v1/api-keys/${made.id}`, undefined, admin);
    await eventually(async () => (await gateway.chat('triage', {}, { authorization })).status === 401);
  });

  it('takes platform tokens by their role in the workspace', async () => {
    expect((await gateway.chat('triage', {}, { ...A, ...(await bearer('viewer', 'team-a')) })).status).toBe(200);
    expect((await gateway.chat('triage', {}, { ...A, ...(await bearer('admin', 'team-b')) })).status).toBe(403);
    const editor = { ...A, ...(await bearer('editor', 'team-a')) };
    expect((await gateway.call('GET', '/api/v1/api-keys', undefined, editor)).status).toBe(403);
    const id = '01a20a0d-7373-73da-b8c3-9ab888d000ab';
    expect((await gateway.call('POST', `/api/v1/rollouts/${id}/promote`, {}, editor)).status).toBe(403);
    const approver = { ...A, ...(await bearer('approver', 'team-a')) };
    expect((await gateway.call('POST', `/api/v1/rollouts/${id}/promote`, {}, approver)).status).toBe(404);
  });
});
