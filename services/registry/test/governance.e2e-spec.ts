// SPDX-License-Identifier: Apache-2.0
import { gateway, registry } from '#libs/contracts';
import { Database } from '#libs/persistence';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { eventually, type TestService } from '#libs/testing';
import { ExpireApprovals } from '../src/approvals/expire-approvals';
import { Events, HttpCaller, jobSucceeded, outboxOf, publish, publishEvaluation, startRegistry, tokenFor } from './harness';

type Models = RpcClient<typeof registry.ModelServiceService>;

jest.setTimeout(30_000);

const call = { workspace: 'default', deadlineMs: 10_000 };

describe('governance', () => {
  let service: TestService;
  let http: HttpCaller;
  let bob: HttpCaller;
  let eve: HttpCaller;
  let models: Models;

  beforeAll(async () => {
    service = await startRegistry();
    http = new HttpCaller(service.baseUrl);
    bob = http.as({ token: await tokenFor('bob@example.org', 'approver') });
    eve = http.as({ token: await tokenFor('eve@example.org', 'editor') });
    models = createRpcClient(registry.ModelServiceService, { address: service.grpcAddress, service: 'spec' });
  }, 60_000);
  afterAll(async () => {
    models.close();
    await service.close();
  });

  /** A version as training makes it: through its event. */
  const train = async (modelName: string, digest: string): Promise<registry.ModelVersion> => {
    const job = jobSucceeded({ registeredModelName: modelName, modelManifestDigest: digest });
    await publish(service, Events.JobSucceeded, { aggregateId: job.jobId, data: job });
    return eventually(async () => {
      const { versions } = await models.listModelVersions({ modelName, pageSize: 0, pageToken: '' }, call);
      return versions.find((version) => version.modelManifestDigest === digest) ?? false;
    });
  };
  const evaluate = (digest: string, accuracy: number): Promise<void> => publishEvaluation(service, digest, accuracy);
  const pointsTo = async (name: string, alias: string): Promise<number> => {
    const answer = await http.get(`/api/v1/models/${name}/aliases/${alias}`);
    return answer.body.version;
  };
  const eventsOf = (type: string) => outboxOf(service, type);

  it('moves a protected alias only with evidence and with another person', async () => {
    const [v1, v2] = ['2', '3'].map((digit) => digit.repeat(64)) as [string, string];
    await train('gated', v1);
    await train('gated', v2);
    const policy = { approvalsRequired: 1, evidence: [{ slice: 'period-1', metric: 'accuracy', valueMin: 0.5, dropMax: 0.05 }] };
    expect((await eve.call('PUT', '/api/v1/models/gated/aliases/champion/policy', policy)).status).toBe(403);
    expect((await http.call('PUT', '/api/v1/models/gated/aliases/champion/policy', policy)).status).toBe(200);
    const move = (version: number, more = {}) =>
      eve.call('POST', '/api/v1/models/gated/aliases/champion/moves', { version, reason: 'better', ...more });

    expect((await move(1)).body).toMatchObject({
      code: 'REGISTRY.EVIDENCE_MISSING',
      details: { rules: [expect.stringContaining('period-1/accuracy')] },
    });
    await evaluate(v1, 0.4);
    const failed = await move(1);
    expect(failed).toMatchObject({ status: 412, body: { code: 'REGISTRY.EVIDENCE_FAILED' } });
    expect(failed.body.details.rules[0]).toContain('0.4 [0.37, 0.43] on 700 rows is below 0.5');
    expect((await move(1, { force: true })).body.code).toBe('REGISTRY.FORCE_REFUSED');
    await evaluate(v1, 0.62);

    const asked = await move(1, { requestId: 'ask-1' });
    expect(asked.body).toMatchObject({
      moved: false,
      approval: { state: 'APPROVAL_STATE_PENDING', requestedBy: 'eve@example.org' },
    });
    expect(await move(1, { requestId: 'ask-1' })).toEqual(asked);
    expect((await move(1)).body.code).toBe('REGISTRY.APPROVAL_PENDING');
    const { id } = asked.body.approval;
    const decide = (who: HttpCaller, approve: boolean) =>
      who.call('POST', `/api/v1/approvals/${id}/decision`, { approve, comment: 'ok' });
    expect((await decide(eve, true)).body.code).toBe('COMMON.FORBIDDEN');
    const eveApprover = http.as({ token: await tokenFor('eve@example.org', 'approver') });
    expect((await decide(eveApprover, true)).body.code).toBe('REGISTRY.OWN_APPROVAL');
    expect((await decide(bob, true)).body).toMatchObject({
      state: 'APPROVAL_STATE_APPROVED',
      votes: [{ subject: 'bob@example.org', approve: true }],
    });
    expect((await decide(bob, true)).body.code).toBe('REGISTRY.APPROVAL_CLOSED');
    expect(await pointsTo('gated', 'champion')).toBe(1);

    const direct = await http.mlflow('POST', 'registered-models/alias', { name: 'gated', alias: 'champion', version: '2' });
    expect(direct).toMatchObject({ status: 403, body: { error_code: 'PERMISSION_DENIED' } });
    expect(direct.body.message).toContain('POST /api/v1/models/gated/aliases/champion/moves');
    for (const [path, body] of [
      ['registered-models/alias', { name: 'gated', alias: 'champion' }],
      ['registered-models/delete', { name: 'gated' }],
      ['model-versions/delete', { name: 'gated', version: '1' }],
    ] as const) {
      expect((await http.mlflow('DELETE', path, body)).status).toBe(403);
    }

    // A drop against the champion, on the same rows: forced by an approver with a reason, and said so for ever.
    await evaluate(v2, 0.55);
    expect((await move(2)).body.details.rules[0]).toContain("more than 0.05 below the current version's 0.62");
    const forced = await bob.call('POST', '/api/v1/models/gated/aliases/champion/moves', {
      version: 2,
      reason: 'drill',
      force: true,
    });
    expect(forced.body.approval.forcedRules).toHaveLength(1);
    await http.call('POST', `/api/v1/approvals/${forced.body.approval.id}/decision`, { approve: true });
    const moved = (await eventsOf(Events.AliasMoved.type))
      .map(({ payload }) => payload)
      .filter((payload) => payload['modelName'] === 'gated');
    expect(moved).toMatchObject([
      { toVersion: 1, toManifestDigest: v1, approvalId: id, actor: 'bob@example.org' },
      {
        fromVersion: 1,
        toVersion: 2,
        fromManifestDigest: v1,
        forced: true,
        reason: expect.stringContaining('drill (forced past: '),
      },
    ]);
    const decided = (await eventsOf(Events.ApprovalDecided.type)).map(({ payload }) => payload['state']);
    expect(decided).toEqual(['APPROVAL_STATE_APPROVED', 'APPROVAL_STATE_APPROVED']);
  });

  it('answers what an alias pointed to at a time, and moves it back once when a rollout is rolled back', async () => {
    await train('rolled', '4'.repeat(64));
    await train('rolled', '5'.repeat(64));
    const move = (version: number) =>
      http.call('POST', '/api/v1/models/rolled/aliases/champion/moves', { version, reason: 'try' });
    expect((await move(1)).body.moved).toBe(true);
    const between = new Date().toISOString();
    expect((await move(2)).body.moved).toBe(true);
    const served = (version: number): gateway.ServedVersion => ({ modelName: 'rolled', version, modelManifestDigest: '' });
    const finished = (rolloutId: string, retired: number, serving: number): gateway.RolloutFinished => ({
      rolloutId,
      endpoint: 'triage',
      alias: 'champion',
      outcome: gateway.RolloutOutcome.ROLLOUT_OUTCOME_ROLLED_BACK,
      serving: served(serving),
      retired: served(retired),
      verdictId: 'v-1',
      actor: 'service:monitoring',
      reason: 'accuracy .31 against .62',
      endTime: new Date(),
    });
    await publish(service, Events.RolloutFinished, { aggregateId: 'r-1', data: finished('r-1', 2, 1) });
    await eventually(async () => (await pointsTo('rolled', 'champion')) === 1);
    // Version 2 is tried again; an old verdict that arrives once more must not touch it, nor one about another version.
    await move(2);
    await publish(service, Events.RolloutFinished, { aggregateId: 'r-1', data: finished('r-1', 2, 1) });
    await publish(service, Events.RolloutFinished, { aggregateId: 'r-1', data: finished('r-2', 1, 2) });
    const marker = { ...finished('r-3', 2, 1), alias: 'other' };
    await publish(service, Events.RolloutFinished, { aggregateId: 'r-1', data: marker });
    await eventually(
      async () =>
        (await service.get(Database).query('SELECT 1 FROM inbox WHERE consumer = $1', ['registry.rollouts'])).length === 4,
    );
    expect(await pointsTo('rolled', 'champion')).toBe(2);
    const history = (await http.get('/api/v1/models/rolled/aliases/champion/history')).body.items;
    expect(
      history.map((one: { version: number; rolloutId: string; actor: string }) => [one.version, one.rolloutId, one.actor]),
    ).toEqual([
      [2, '', 'local-admin'],
      [1, 'r-1', 'service:monitoring'],
      [2, '', 'local-admin'],
      [1, '', 'local-admin'],
    ]);
    const then = await http.get(`/api/v1/models/rolled/aliases/champion/history?at=${between}`);
    expect(then.body.items.map((one: { version: number }) => one.version)).toEqual([1]);
    const audit = await http.get('/api/v1/audit?subject=models:/rolled@champion');
    expect(audit.body.items[2]).toMatchObject({
      action: 'alias.moved',
      actor: 'service:monitoring',
      reason: expect.stringContaining('.31'),
    });
  });

  it('lets racing moves of one alias happen one after the other, with a history without gaps', async () => {
    for (let index = 0; index < 3; index += 1) await train('raced', `${index}`.repeat(64).replace(/^./, 'e'));
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, index) =>
        http.call('POST', '/api/v1/models/raced/aliases/champion/moves', { version: (index % 3) + 1, reason: `${index}` }),
      ),
    );
    expect(answers.every((answer) => answer.body.moved)).toBe(true);
    const history: { version: number; validFrom: string; validTo?: string }[] = (
      await http.get('/api/v1/models/raced/aliases/champion/history')
    ).body.items.reverse();
    history.slice(1).forEach((interval, index) => {
      expect(interval.validFrom).toBe(history[index].validTo);
      expect(interval.version).not.toBe(history[index].version);
    });
    expect(await pointsTo('raced', 'champion')).toBe(history.at(-1)!.version);
    const moved = (await eventsOf(Events.AliasMoved.type)).filter(({ payload }) => payload['modelName'] === 'raced');
    expect(moved).toHaveLength(history.length);
  });

  it('expires approvals that nobody decided', async () => {
    await train('slow', '6'.repeat(64));
    await http.call('PUT', '/api/v1/models/slow/aliases/champion/policy', { approvalsRequired: 2 });
    const asked = await eve.call('POST', '/api/v1/models/slow/aliases/champion/moves', { version: 1, reason: 'r' });
    const { id } = asked.body.approval;
    await bob.call('POST', `/api/v1/approvals/${id}/decision`, { approve: true });
    expect((await bob.call('POST', `/api/v1/approvals/${id}/decision`, { approve: true })).body.code).toBe(
      'REGISTRY.ALREADY_VOTED',
    );
    await service.get(Database).query("UPDATE approvals SET expire_time = now() - interval '1 second' WHERE id = $1", [id]);
    expect((await http.get(`/api/v1/approvals/${id}`)).body.state).toBe('APPROVAL_STATE_EXPIRED');
    expect((await http.call('POST', `/api/v1/approvals/${id}/decision`, { approve: true })).body.code).toBe(
      'REGISTRY.APPROVAL_CLOSED',
    );
    await service.get(ExpireApprovals).execute();
    const expired = (await eventsOf(Events.ApprovalDecided.type)).filter(({ payload }) => payload['approvalId'] === id);
    expect(expired.map(({ payload }) => payload['state'])).toEqual(['APPROVAL_STATE_EXPIRED']);
    expect((await http.get('/api/v1/models/slow/aliases/champion')).status).toBe(404);
  });

  it('ends the other approvals when one cannot be ended, and that one later', async () => {
    await train('stuck', '7'.repeat(64));
    await http.call('PUT', '/api/v1/models/stuck/aliases/champion/policy', { approvalsRequired: 2 });
    await http.call('PUT', '/api/v1/models/stuck/aliases/challenger/policy', { approvalsRequired: 2 });
    const ask = async (alias: string): Promise<string> =>
      (await eve.call('POST', `/api/v1/models/stuck/aliases/${alias}/moves`, { version: 1, reason: 'r' })).body.approval.id;
    const ids = [await ask('champion'), await ask('challenger')];
    const db = service.get(Database);
    await db.query("UPDATE approvals SET expire_time = now() - interval '2 seconds' WHERE id = $1", [ids[0]]);
    await db.query("UPDATE approvals SET expire_time = now() - interval '1 second' WHERE id = $1", [ids[1]]);
    await db.query(`CREATE FUNCTION refuse_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$`);
    await db.query(
      `CREATE TRIGGER refuse_end BEFORE UPDATE ON approvals FOR EACH ROW WHEN (old.id = '${ids[0]}') EXECUTE FUNCTION refuse_end()`,
    );
    const { ended, failures } = await service.get(ExpireApprovals).execute();
    expect([ended, failures.length]).toEqual([1, 1]);
    const states = async (): Promise<unknown> =>
      db.query('SELECT state FROM approvals WHERE id = ANY ($1) ORDER BY expire_time', [ids]);
    expect(await states()).toEqual([{ state: 'PENDING' }, { state: 'EXPIRED' }]);
    await db.query('DROP FUNCTION refuse_end CASCADE');
    expect(await service.get(ExpireApprovals).execute()).toEqual({ ended: 1, failures: [] });
    expect(await states()).toEqual([{ state: 'EXPIRED' }, { state: 'EXPIRED' }]);
  });

  it('chains the audit: intact until a row is altered, which the database refuses and the check finds', async () => {
    const db = service.get(Database);
    expect((await http.call('POST', '/api/v1/audit/verify')).body).toMatchObject({ intact: true, brokenSequence: 0 });
    await expect(db.query("UPDATE audit_entries SET actor = 'mallory' WHERE sequence = 3")).rejects.toMatchObject({
      kind: expect.any(String),
    });
    await expect(db.query('DELETE FROM audit_entries WHERE sequence = 3')).rejects.toThrow();
    await db.query('ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only');
    const [before] = await db.query<{ actor: string }>(
      "SELECT actor FROM audit_entries WHERE workspace = 'default' AND sequence = 3",
    );
    await db.query("UPDATE audit_entries SET actor = 'mallory' WHERE workspace = 'default' AND sequence = 3");
    expect((await models.verifyAudit({}, call)).brokenSequence).toBe('3');
    await db.query("UPDATE audit_entries SET actor = $1 WHERE workspace = 'default' AND sequence = 3", [before.actor]);
    expect((await models.verifyAudit({}, call)).intact).toBe(true);
    await db.query(
      "DELETE FROM audit_entries WHERE workspace = 'default' AND sequence = (SELECT max(sequence) FROM audit_entries WHERE workspace = 'default')",
    );
    expect((await models.verifyAudit({}, call)).intact).toBe(false);
  });

  it('shows a page for people, with nothing in it that a name could inject', async () => {
    await http.mlflow('POST', 'registered-models/create', { name: '<img src=x>', description: '<script>alert(1)</script>' });
    for (const path of ['/', '/ui']) {
      const page = await http.get(path);
      expect(page.status).toBe(200);
      expect(page.body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
      expect(page.body).not.toMatch(/<script|<img/);
      expect(page.body).toContain('<span class="alias">champion</span>');
      expect(page.body).toMatch(/period-1 accuracy<\/span>\s*<b>0\.620<\/b>/);
    }
  });

  it('creates workspaces and tells the others', async () => {
    expect((await bob.call('POST', '/api/v1/workspaces', { name: 'team-a' })).status).toBe(403);
    expect((await http.call('POST', '/api/v1/workspaces', { name: 'team-a' })).body).toEqual({ name: 'team-a', created: true });
    expect((await http.call('POST', '/api/v1/workspaces', { name: 'team-a' })).body.created).toBe(false);
    expect((await http.call('POST', '/api/v1/workspaces', { name: 'Team A' })).status).toBe(400);
    expect((await eventsOf(Events.WorkspaceCreated.type)).map(({ payload }) => payload)).toEqual([
      { name: 'team-a', createdBy: 'local-admin' },
    ]);
  });
});
