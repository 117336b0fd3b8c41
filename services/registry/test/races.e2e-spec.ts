// SPDX-License-Identifier: Apache-2.0
import { addWorkspace } from '#libs/auth';
import { Database, type Transaction, UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { ApprovalsRepository } from '../src/approvals/approvals.repository';
import { CloseApprovals } from '../src/approvals/close-approvals';
import { RecordEvaluation } from '../src/training-results/record-evaluation';
import { RecordTrainingResult } from '../src/training-results/record-training-result';
import { evaluationSucceeded, Events, jobSucceeded, outboxOf, useRegistry } from './harness';

jest.setTimeout(30_000);

const workspace = 'default';
const training = { workspace, actor: 'service:training' };

// Each spec holds one transaction right before its commit until the other one waits for it.
describe('two that meet', () => {
  const registry = useRegistry();

  const meet = async <T>(first: (tx: Transaction) => Promise<unknown>, second: () => Promise<T>): Promise<T> => {
    let done = (): void => undefined;
    const isDone = new Promise<void>((resolve) => (done = resolve));
    let commit = (): void => undefined;
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    const held = registry.service.get(UnitOfWork).run(async (tx) => {
      await first(tx);
      done();
      await mayCommit;
    });
    await Promise.race([isDone, held]);
    const other = second();
    const waits = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await eventually(async () => (await registry.service.get(Database).query(waits)).length > 0);
    commit();
    await held;
    return other;
  };

  it('an approval that expires while its version is deleted ends once', async () => {
    const name = 'expiring';
    await registry.http.mlflow('POST', 'registered-models/create', { name });
    await registry.http.mlflow('POST', 'model-versions/create', { name, source: 's3://bucket/1' });
    await registry.http.call('PUT', `/api/v1/models/${name}/aliases/champion/policy`, { approvalsRequired: 1 });
    const asked = await registry.http.call('POST', `/api/v1/models/${name}/aliases/champion/moves`, { version: 1, reason: 'r' });
    const { id } = asked.body.approval as { id: string };

    const expire = async (tx: Transaction): Promise<void> => {
      const approval = (await registry.service.get(ApprovalsRepository).lock(tx, workspace, id))!;
      const caller = { workspace, actor: 'service:registry' };
      await registry.service
        .get(CloseApprovals)
        .execute(tx, caller, approval, { state: 'EXPIRED', reason: 'nobody decided in time' });
    };
    const deleted = await meet(expire, () => registry.http.mlflow('DELETE', 'model-versions/delete', { name, version: '1' }));

    expect(deleted.status).toBe(200);
    expect((await registry.http.get(`/api/v1/approvals/${id}`)).body.state).toBe('APPROVAL_STATE_EXPIRED');
    const ends = (await outboxOf(registry.service, Events.ApprovalDecided.type)).filter(
      ({ payload }) => payload['approvalId'] === id,
    );
    expect(ends.map(({ payload }) => payload['state'])).toEqual(['APPROVAL_STATE_EXPIRED']);
  });

  it('an evaluation and the job that made its model: the run shows the score', async () => {
    const digest = '7'.repeat(64);
    const job = jobSucceeded({ registeredModelName: 'scored', modelManifestDigest: digest });
    const score = evaluationSucceeded(digest, 0.75);
    const record = (result: typeof job): Promise<void> =>
      registry.service
        .get(UnitOfWork)
        .run((tx) => registry.service.get(RecordTrainingResult).execute(tx, training, result, new Date()));
    // The first of an experiment or a model waits early, for its place in the audit.
    await record({ ...jobSucceeded(), registeredModelName: 'scored' });
    await meet(
      (tx) => registry.service.get(RecordEvaluation).execute(tx, training, score, new Date()),
      () => record(job),
    );
    const run = await registry.http.mlflow('GET', `runs/get?run_id=${job.jobId.replaceAll('-', '')}`);
    const metrics = run.body.run.data.metrics as { key: string; value: number }[];
    expect(metrics.filter(({ key }) => key === 'period-1.accuracy')).toMatchObject([{ value: 0.75 }]);
  });

  it('two that make one workspace: one has made it', async () => {
    const create = () => registry.http.call('POST', '/api/v1/workspaces', { name: 'team-b' });
    const answer = await meet((tx) => addWorkspace(tx, 'team-b'), create);
    expect(answer.body).toEqual({ name: 'team-b', created: false });
    expect(await outboxOf(registry.service, Events.WorkspaceCreated.type)).toEqual([]);
    expect((await registry.http.as({ workspace: 'team-b' }).get('/api/v1/audit')).body.items).toEqual([]);
  });
});
