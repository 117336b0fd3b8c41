// SPDX-License-Identifier: Apache-2.0
import { eventually } from '#libs/testing';
import { answer } from './fake-backend';
import { digest, GatewayHarness, type Json } from './gateway-harness';

jest.setTimeout(30_000);

describe('rollouts', () => {
  let gateway: GatewayHarness;
  let names = 0;
  const next = (): string => `model-${(names += 1)}`;
  const users = Array.from({ length: 60 }, (_unused, index) => `user-${index}`);
  const policy = { rolloutPolicy: { steps: [20, 50] } };

  beforeAll(async () => {
    gateway = await GatewayHarness.start();
  }, 60_000);
  afterAll(() => gateway.close(), 30_000);
  beforeEach(() => {
    gateway.backend.behaviour = undefined;
  });

  /** Version that answers each user. */
  async function versions(name: string): Promise<Map<string, number>> {
    const answers = await Promise.all(users.map((user) => gateway.chat(name, { user })));
    return new Map(answers.map((reply, index) => [users[index], Number(reply.headers.get('x-millrace-model-version'))]));
  }

  async function rollingOut(name: string, version = 2): Promise<string> {
    await gateway.aliasMoved(name, version);
    const rolling = (endpoint: Json): boolean => endpoint.state === 'rolling-out';
    return (await gateway.until(name, rolling)).rolloutId as string;
  }

  async function rollout(id: string): Promise<Json> {
    return (await gateway.call('GET', `/api/v1/rollouts/${id}`)).body;
  }

  it('serves the first version without a rollout, also when the alias comes after the endpoint', async () => {
    const name = next();
    const created = await gateway.call('POST', '/api/v1/endpoints', { name, modelUri: `models:/${name}@champion` });
    expect(created.body).toMatchObject({
      state: 'waiting',
      serving: null,
      captureBytesMax: 4096,
      timeoutSeconds: 120,
      etag: '1',
    });
    await gateway.until(name, (endpoint) => endpoint.problem.includes('does not exist yet'));
    expect((await gateway.chat(name)).body.error.code).toBe('model_not_ready');
    await gateway.aliasMoved(name, 4);
    const endpoint = await gateway.until(name, ({ state }) => state === 'serving');
    expect(endpoint).toMatchObject({ serving: { version: 4, modelManifestDigest: digest(4) }, problem: '', rolloutId: '' });
    expect(gateway.backend.loaded.get(`${name}-v4`)).toBe(digest(4));
    expect(await gateway.rolloutEvents(name)).toEqual([]);
    expect((await gateway.chat(name)).status).toBe(200);
  });

  it('serves a pinned version for ever', async () => {
    const name = next();
    // The backend still has other bytes under that id, of a registry that is gone.
    gateway.backend.loaded.set(`${name}-v3`, digest(9));
    gateway.registry.versions.set(`default/${name}/3`, { version: 3, manifestDigest: digest(3) });
    await gateway.call('POST', '/api/v1/endpoints', { name, modelUri: `models:/${name}/3` });
    await gateway.until(name, ({ state }) => state === 'serving');
    expect(gateway.backend.loaded.get(`${name}-v3`)).toBe(digest(3));
    await gateway.handled(await gateway.aliasMoved(name, 4));
    expect(await gateway.get(name)).toMatchObject({ state: 'serving', serving: { version: 3 }, pending: null });
  });

  it('tries another version on a growing, sticky share of users and promotes it by verdicts', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    const id = await rollingOut(name);
    const first = await versions(name);
    expect(await versions(name)).toEqual(first);
    const candidates = users.filter((user) => first.get(user) === 2);
    expect(candidates.length).toBeGreaterThan(2);
    expect(candidates.length).toBeLessThan(30);

    await gateway.handled(await gateway.verdict(id, 'HOLD'));
    expect(await rollout(id)).toMatchObject({ state: 'running', step: 1, candidatePercent: 20 });
    await gateway.handled(await gateway.verdict(id, 'PROMOTE'));
    await gateway.live();
    expect(await rollout(id)).toMatchObject({ state: 'running', step: 2, candidatePercent: 50 });
    const second = await versions(name);
    expect(candidates.every((user) => second.get(user) === 2)).toBe(true);

    await gateway.handled(await gateway.verdict(id, 'PROMOTE'));
    await gateway.live();
    expect([...(await versions(name)).values()].every((version) => version === 2)).toBe(true);
    expect(await gateway.get(name)).toMatchObject({ state: 'serving', serving: { version: 2 }, rolloutId: '' });
    const events = await gateway.rolloutEvents(name);
    expect(events.map(([type]) => type)).toEqual(['rollout-started', 'rollout-stepped', 'rollout-finished']);
    expect(events[0][1]).toMatchObject({
      rolloutId: id,
      alias: 'champion',
      control: { modelName: name, version: 1, modelManifestDigest: digest(1) },
      candidate: { version: 2 },
      candidatePercent: 20,
      policy: { metric: 'correct', margin: 0.05, looks: 5, requestsPerArmMax: 500 },
    });
    expect(events[2][1]).toMatchObject({
      outcome: 'ROLLOUT_OUTCOME_PROMOTED',
      serving: { version: 2 },
      retired: { version: 1 },
      actor: 'service:monitoring',
      reason: 'PROMOTE in a spec',
    });
    await eventually(() => gateway.backend.unloads.includes(`${name}-v1`));
  });

  it('goes on by a verdict about the step that runs only, and back by any', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    const id = await rollingOut(name);
    await gateway.handled(await gateway.verdict(id, 'PROMOTE', { step: 1 }));
    await gateway.handled(await gateway.verdict(id, 'PROMOTE', { step: 1 }), await gateway.verdict(id, 'PROMOTE', { step: 3 }));
    expect(await rollout(id)).toMatchObject({ state: 'running', step: 2 });
    await gateway.handled(await gateway.verdict(id, 'ROLLBACK', { step: 1 }));
    expect(await rollout(id)).toMatchObject({ state: 'rolled-back' });
  });

  it('names arm, rollout and hashed user in the events of both arms', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    const id = await rollingOut(name);
    const arms = new Map<string, string>();
    for (const user of users.slice(0, 25)) {
      const event = await gateway.inference((await gateway.chat(name, { user })).headers.get('x-millrace-inference-id')!);
      expect(event.rolloutId).toBe(id);
      expect(event.arm).toBe(event.modelVersion === 2 ? 'ARM_CANDIDATE' : 'ARM_CONTROL');
      arms.set(event.userHash, event.arm);
    }
    expect(arms.size).toBe(25);
    const viaHeader = await gateway.chat(name, {}, { 'x-millrace-user': users[0] });
    const event = await gateway.inference(viaHeader.headers.get('x-millrace-inference-id')!);
    expect(event.arm).toBe(arms.get(event.userHash));
  });

  it('rolls back once, by a pointer flip, however often and late verdicts come; requests in flight finish', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    const id = await rollingOut(name);
    const before = await versions(name);
    const onCandidate = users.find((user) => before.get(user) === 2)!;
    let release = (): void => undefined;
    gateway.backend.behaviour = (seen, response) => {
      if (seen.body.model.endsWith('-v2')) release = () => answer(seen, response);
      else answer(seen, response);
    };
    const inFlight = gateway.chat(name, { user: onCandidate, stream: false });
    await eventually(() => gateway.backend.requests.at(-1)!.body.model === `${name}-v2`);

    const decided = [
      await gateway.verdict(id, 'ROLLBACK'),
      await gateway.verdict(id, 'ROLLBACK'),
      await gateway.verdict(id, 'PROMOTE'),
    ];
    await gateway.handled(...decided);
    await gateway.live();
    expect([...(await versions(name)).values()].every((version) => version === 1)).toBe(true);
    release();
    const finished = await inFlight;
    expect([finished.status, finished.headers.get('x-millrace-model-version')]).toEqual([200, '2']);

    // The registry moves the alias back and says which rollout made it: no new rollout.
    await gateway.handled(await gateway.aliasMoved(name, 1, { rolloutId: id, actor: 'service:gateway' }));
    expect(await gateway.get(name)).toMatchObject({ state: 'serving', serving: { version: 1 }, pending: null });
    const events = await gateway.rolloutEvents(name);
    expect(events.map(([type]) => type)).toEqual(['rollout-started', 'rollout-finished']);
    expect(events[1][1]).toMatchObject({
      outcome: 'ROLLOUT_OUTCOME_ROLLED_BACK',
      serving: { version: 1 },
      retired: { version: 2 },
    });
    expect(await rollout(id)).toMatchObject({ state: 'rolled-back', candidatePercent: 0 });
  });

  it('replaces a running rollout by a newer move, and ends it by a move back', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    const first = await rollingOut(name, 2);
    await gateway.aliasMoved(name, 3);
    const endpoint = await gateway.until(name, ({ rolloutId }) => rolloutId !== first && rolloutId !== '');
    expect(await rollout(first)).toMatchObject({ state: 'superseded' });
    expect(await rollout(endpoint.rolloutId)).toMatchObject({
      state: 'running',
      control: { version: 1 },
      candidate: { version: 3 },
    });
    await gateway.handled(await gateway.aliasMoved(name, 3));
    expect((await gateway.get(name)).rolloutId).toBe(endpoint.rolloutId);
    await gateway.handled(await gateway.aliasMoved(name, 1));
    expect(await gateway.get(name)).toMatchObject({ state: 'serving', serving: { version: 1 }, rolloutId: '' });
    expect((await gateway.rolloutEvents(name)).map(([type, data]) => [type, data.outcome])).toEqual([
      ['rollout-started', undefined],
      ['rollout-finished', 'ROLLOUT_OUTCOME_SUPERSEDED'],
      ['rollout-started', undefined],
      ['rollout-finished', 'ROLLOUT_OUTCOME_SUPERSEDED'],
    ]);
  });

  it('starts no rollout before the candidate is loaded, tries again when the backend refuses, and says what is wrong', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    gateway.backend.refuseLoads = 2;
    await gateway.aliasMoved(name, 2);
    const refused = await gateway.until(name, ({ problem }) => problem !== '');
    expect(refused).toMatchObject({ state: 'serving', serving: { version: 1 }, pending: { version: 2 }, rolloutId: '' });
    expect(refused.problem).toContain('model.safetensors does not match its sha256');
    const failed = (await gateway.call('GET', `/api/v1/deployments?modelName=${name}`)).body.items.find(
      (item: Json) => item.version === 2,
    );
    expect(failed.attempts).toBeGreaterThan(0);
    const endpoint = await gateway.until(name, ({ state }) => state === 'rolling-out');
    expect(endpoint.problem).toBe('');
    expect(gateway.backend.loads.filter((load) => load === `${name}-v2`)).toHaveLength(3);
  });

  it('lets an approver end it, and gives the first end to who asks again', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    const id = await rollingOut(name);
    const promote = (requestId: string) =>
      gateway.call('POST', `/api/v1/rollouts/${id}/promote`, { reason: 'looks good', requestId });
    const promoted = await promote('r-1');
    expect(promoted.body).toMatchObject({ state: 'promoted', actor: 'local-admin', reason: 'looks good', candidatePercent: 100 });
    expect((await promote('r-1')).body).toEqual(promoted.body);
    expect((await promote('r-2')).status).toBe(200);
    const other = await gateway.call('POST', `/api/v1/rollouts/${id}/roll-back`, {});
    expect([other.status, other.body.code]).toEqual([412, 'GATEWAY.ROLLOUT_OVER']);
    expect((await gateway.rolloutEvents(name)).filter(([type]) => type === 'rollout-finished')).toHaveLength(1);
  });

  it('serves a new version at once when the policy tests nothing', async () => {
    const name = next();
    await gateway.endpoint(name, { body: { rolloutPolicy: { steps: [100] } } });
    await gateway.aliasMoved(name, 2);
    await gateway.until(name, ({ serving }) => serving.version === 2);
    expect(await gateway.rolloutEvents(name)).toEqual([]);
  });

  it('ignores events that are older than what it knows, deleted aliases and versions without bytes', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    await gateway.handled(await gateway.aliasMoved(name, 5, { toManifestDigest: '' }));
    expect(await gateway.get(name)).toMatchObject({
      state: 'serving',
      pending: null,
      problem: expect.stringContaining('no model manifest'),
    });
    await gateway.handled(await gateway.aliasMoved(name, 0));
    expect(await gateway.get(name)).toMatchObject({ serving: { version: 1 }, problem: expect.stringContaining('was deleted') });
    await gateway.sql('update endpoints set alias_sequence = 1000000 where name = $1', [name]);
    await gateway.handled(await gateway.aliasMoved(name, 2));
    expect(await gateway.get(name)).toMatchObject({ serving: { version: 1 }, pending: null });
  });

  it('keeps control for everybody while the backend has lost the candidate', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    await rollingOut(name);
    let open = (): void => undefined;
    gateway.backend.loadGate = new Promise((resolve) => (open = resolve));
    gateway.backend.loaded.delete(`${name}-v2`);
    await eventually(async () => {
      const [row] = await gateway.sql<{ state: string }>('select state from deployments where id = $1', [`${name}-v2`]);
      return row.state !== 'ready';
    });
    await gateway.live();
    const answers = await Promise.all(users.map((user) => gateway.chat(name, { user })));
    expect(answers.every((reply) => reply.status === 200 && reply.headers.get('x-millrace-model-version') === '1')).toBe(true);
    open();
    await gateway.until(name, () => gateway.backend.loaded.has(`${name}-v2`));
    await eventually(async () => [...(await versions(name)).values()].includes(2));
  }, 30_000);

  it('supersedes the rollout and unloads everything of an endpoint that is deleted', async () => {
    const name = next();
    await gateway.endpoint(name, { body: policy });
    const id = await rollingOut(name);
    expect((await gateway.call('DELETE', `/api/v1/endpoints/${name}?etag=7`)).body.code).toBe('GATEWAY.ENDPOINT_CHANGED');
    expect((await gateway.call('DELETE', `/api/v1/endpoints/${name}?etag=1`)).status).toBe(204);
    await gateway.live();
    expect((await gateway.chat(name)).status).toBe(404);
    expect(await rollout(id)).toMatchObject({ state: 'superseded', reason: 'endpoint deleted' });
    await eventually(() => [1, 2].every((version) => gateway.backend.unloads.includes(`${name}-v${version}`)));
  });
});
