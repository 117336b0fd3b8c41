// SPDX-License-Identifier: Apache-2.0
import { Database, type Transaction, UnitOfWork } from '#libs/persistence';
import { eventually, type TestService } from '#libs/testing';
import { RecordEvaluation } from '../src/training-results/record-evaluation';
import { RecordTrainingResult } from '../src/training-results/record-training-result';
import { evaluationSucceeded, HttpCaller, jobSucceeded, startRegistry } from './harness';

jest.setTimeout(30_000);

const workspace = 'default';
const training = { workspace, actor: 'service:training' };

// Each spec holds one transaction right before its commit until the other one waits for it.
describe('two that meet', () => {
  let service: TestService;
  let http: HttpCaller;

  beforeAll(async () => {
    service = await startRegistry();
    http = new HttpCaller(service.baseUrl);
  }, 60_000);
  afterAll(() => service.close());

  const meet = async <T>(first: (tx: Transaction) => Promise<unknown>, second: () => Promise<T>): Promise<T> => {
    let done = (): void => undefined;
    const isDone = new Promise<void>((resolve) => (done = resolve));
    let commit = (): void => undefined;
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    const held = service.get(UnitOfWork).run(async (tx) => {
      await first(tx);
      done();
      await mayCommit;
    });
    await Promise.race([isDone, held]);
    const other = second();
    const waits = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await eventually(async () => (await service.get(Database).query(waits)).length > 0);
    commit();
    await held;
    return other;
  };

  it('an evaluation and the job that made its model: the run shows the score', async () => {
    const digest = '7'.repeat(64);
    const job = jobSucceeded({ registeredModelName: 'scored', modelManifestDigest: digest });
    const score = evaluationSucceeded(digest, 0.75);
    const record = (result: typeof job): Promise<void> =>
      service.get(UnitOfWork).run((tx) => service.get(RecordTrainingResult).execute(tx, training, result, new Date()));
    // The first of an experiment or a model waits early, for its place in the audit.
    await record({ ...jobSucceeded(), registeredModelName: 'scored' });
    await meet(
      (tx) => service.get(RecordEvaluation).execute(tx, training, score, new Date()),
      () => record(job),
    );
    const run = await http.mlflow('GET', `runs/get?run_id=${job.jobId.replaceAll('-', '')}`);
    const metrics = run.body.run.data.metrics as { key: string; value: number }[];
    expect(metrics.filter(({ key }) => key === 'period-1.accuracy')).toMatchObject([{ value: 0.75 }]);
  });
});
