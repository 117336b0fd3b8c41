// SPDX-License-Identifier: Apache-2.0
import { Clock } from '#libs/clock';
import { Database, PersistenceErrors } from '#libs/persistence';
import { BlobStore, StorageErrors } from '#libs/storage';
import { eventually } from '#libs/testing';
import { JobsRepository } from '../src/jobs/jobs.repository';
import { type Answer, jobBody, taskRows, TrainingFixture } from './training-fixture';
import { TrainerHold } from './trainer-hold';

const STEPS = 10;
const someJob = (): Answer => jobBody('definitions/latest', { hyperparameters: { steps: STEPS, batchSize: 4 } });

// None of these says anything about the job: what was done stays done, and no attempt is spent.
describe('what a job survives with one attempt', () => {
  const training = new TrainingFixture();
  const hold = new TrainerHold();

  beforeAll(async () => {
    await training.start({
      TRAINER_COMMANDS: hold.commands,
      LEASE_SECONDS: '1',
      PROGRESS_MILLISECONDS: '0',
      POLL_MILLISECONDS: '20',
      ATTEMPT_BACKOFF_SECONDS: '0',
      ATTEMPTS_MAX: '2',
    });
    training.ingestion.add(training.workspace, 'definitions', taskRows(50));
  }, 60_000);
  afterEach(() => {
    jest.restoreAllMocks();
    hold.release();
  });
  afterAll(async () => {
    await training.stop();
    hold.remove();
  }, 60_000);

  const away = () => PersistenceErrors.UNAVAILABLE('the database does not answer');
  const expectOneAttempt = async (id: string): Promise<Answer> => {
    const job = await training.awaitState(`/jobs/${id}`, 'succeeded', 60_000);
    expect(job.attempts).toMatchObject([{ number: 1, state: 'succeeded', resumedFromStep: 0 }]);
    return job;
  };
  const said = (id: string, words: string, times: number): Promise<unknown> =>
    eventually(
      async () => {
        const { items } = (await training.call('GET', `/jobs/${id}/events?pageSize=1000`)).body;
        return (items as Answer[]).filter(({ message }) => (message as string).includes(words)).length >= times;
      },
      { timeoutMs: 60_000 },
    );

  it('a database that is away when a trainer has just been started', async () => {
    const save = jest.spyOn(training.service.get(JobsRepository), 'setAttemptHandle').mockRejectedValueOnce(away());
    const { id } = await training.create('/jobs', someJob());
    await expectOneAttempt(id);
    expect(save).toHaveBeenCalledTimes(2);
  }, 90_000);

  it('a database that is away when a model has been trained', async () => {
    hold.at(STEPS - 1);
    const { id } = await training.create('/jobs', someJob());
    await eventually(async () => (await training.call('GET', `/jobs/${id}`)).body.progress?.step === STEPS - 1, {
      timeoutMs: 60_000,
    });
    const jobs = training.service.get(JobsRepository);
    const list = jobs.listAttempts.bind(jobs);
    let refusals = 0;
    jest.spyOn(jobs, 'listAttempts').mockImplementation((db, key) => {
      if (db === training.service.get(Database) || refusals > 0) return list(db, key);
      refusals += 1;
      return Promise.reject(away());
    });
    hold.release();
    await expectOneAttempt(id);
    expect(refusals).toBe(1);
  }, 90_000);

  it('a blob store that is away when a model has been trained, for longer than all attempts take', async () => {
    const refuse = () => Promise.reject(StorageErrors.UNAVAILABLE('the blob store does not answer'));
    const put = jest.spyOn(training.service.get(BlobStore), 'put').mockImplementation(refuse);
    const { id } = await training.create('/jobs', { ...someJob(), baseModel: await baseDigest() });
    await said(id, 'result not stored yet', 3);
    put.mockRestore();
    await expectOneAttempt(id);
  }, 90_000);

  it('a blob store that is away when a trainer is to be started, for longer than all attempts take', async () => {
    const baseModel = await baseDigest();
    const store = training.service.get(BlobStore);
    const open = store.open.bind(store);
    let isAway = false;
    jest.spyOn(store, 'open').mockImplementation((digest) => {
      return isAway ? Promise.reject(StorageErrors.UNAVAILABLE('the blob store does not answer')) : open(digest);
    });
    const { id } = await training.create('/jobs', { ...someJob(), baseModel });
    isAway = true;
    await said(id, 'attempt not started yet', 3);
    isAway = false;
    await expectOneAttempt(id);
  }, 90_000);

  it('a clock that goes back by an hour: it never took less than no time', async () => {
    jest.spyOn(training.service.get(Clock), 'now').mockImplementation(() => new Date(Date.now() - 3_600_000));
    const { id } = await training.create('/jobs', someJob());
    const job = await expectOneAttempt(id);
    expect(job.durationSeconds).toBeGreaterThan(0);
    expect(job.durationSeconds).toBeLessThan(600);
  }, 90_000);

  const baseDigest = async (): Promise<string> => {
    const { items } = (await training.call('GET', '/base-models')).body;
    return (items as Answer[])[0].manifestDigest as string;
  };
});
