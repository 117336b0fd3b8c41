// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobStore, createBlobStore } from '#libs/storage';
import { createTestDatabase, dropTestDatabase, eventually, type KilledProcess, spawnService } from '#libs/testing';
import { eventLogMigrations } from '#libs/messaging';
import { JobFolders } from '../src/jobs/job-folders';
import { migrations } from '../src/migrations';
import { FakeIngestion } from './fake-ingestion';
import { type Answer, jobBody, taskRows, TrainingFixture } from './training-fixture';
import { TrainerHold } from './trainer-hold';

const STEPS = 60;
const CHECKPOINT_STEPS = 20;
const someJob = (datasetVersion: string): Answer =>
  jobBody(datasetVersion, {
    hyperparameters: { steps: STEPS, batchSize: 8, checkpointSteps: CHECKPOINT_STEPS, tokenDropout: 0.2 },
  });

async function losses(store: BlobStore, job: Answer): Promise<string[]> {
  const curve = await store.get(job.lossCurveDigest as string, { bytesMax: 10_000_000 });
  return curve.toString('utf8').trim().split('\n');
}

describe('a trainer that is killed', () => {
  const training = new TrainingFixture();
  const hold = new TrainerHold();

  beforeAll(async () => {
    await training.start({
      TRAINER_COMMANDS: hold.commands,
      PROGRESS_MILLISECONDS: '0',
      POLL_MILLISECONDS: '20',
      ATTEMPT_BACKOFF_SECONDS: '0',
      JOBS_RUNNING_MAX: '2',
    });
    training.ingestion.add(training.workspace, 'definitions', taskRows(200));
  }, 60_000);
  afterEach(() => hold.release());
  afterAll(async () => {
    await training.stop();
    hold.remove();
  }, 60_000);

  it('goes on from its newest checkpoint, and the losses and the model equal those of a run that was never killed', async () => {
    const store = training.service.get(BlobStore);
    const untouched = await training.create('/jobs', someJob('definitions/latest'));
    const whole = await training.awaitState(`/jobs/${untouched.id}`, 'succeeded', 120_000);

    hold.at(2 * CHECKPOINT_STEPS + 5);
    const { id } = await training.create('/jobs', someJob('definitions/latest'));
    await eventually(async () => (await training.call('GET', `/jobs/${id}/checkpoints`)).body.items.length === 2, {
      timeoutMs: 60_000,
    });
    process.kill(await trainerPid(training, id), 'SIGKILL');
    hold.release();
    const resumed = await training.awaitState(`/jobs/${id}`, 'succeeded', 120_000);

    expect(resumed.attempts).toHaveLength(2);
    expect(resumed.attempts[0]).toMatchObject({
      state: 'failed',
      error: { failureClass: 'infrastructure', code: 'TRAINING.TRAINER_KILLED' },
    });
    expect(resumed.attempts[1].resumedFromStep).toBe(2 * CHECKPOINT_STEPS);
    const expected = await losses(store, whole);
    expect(expected).toHaveLength(STEPS);
    expect(await losses(store, resumed)).toEqual(expected);
    expect(resumed.modelManifestDigest).toBe(whole.modelManifestDigest);
  }, 240_000);

  it('fails for good after the allowed attempts, with the class and the signal named', async () => {
    hold.at(5);
    const { id } = await training.create('/jobs', someJob('definitions/latest'));
    let killed = 0;
    const job = await eventually(
      async () => {
        const { body } = await training.call('GET', `/jobs/${id}`);
        if (body.state === 'failed') return body;
        const pid = await trainerPid(training, id).catch(() => undefined);
        if (pid !== undefined && body.attempts.length > killed) {
          process.kill(pid, 'SIGKILL');
          killed = body.attempts.length;
        }
        return false;
      },
      { timeoutMs: 60_000 },
    );
    expect(job.attempts).toHaveLength(3);
    expect(job.error).toMatchObject({
      failureClass: 'infrastructure',
      code: 'TRAINING.TRAINER_KILLED',
      message: expect.stringContaining('SIGKILL'),
    });
  }, 120_000);

  it('is stopped by a cancel, and the job ends as cancelled with who and why', async () => {
    hold.at(5);
    const { id } = await training.create('/jobs', someJob('definitions/latest'));
    await training.awaitState(`/jobs/${id}`, 'running');
    const pid = await eventually(() => trainerPid(training, id));
    const { status } = await training.call('POST', `/jobs/${id}/cancel`, { reason: 'wrong data' });
    expect(status).toBe(200);
    const job = await training.awaitState(`/jobs/${id}`, 'cancelled');
    expect(job.cancel).toEqual({ by: 'local-admin', reason: 'wrong data' });
    expect(job.attempts).toMatchObject([{ state: 'cancelled' }]);
    expect(isAlive(pid)).toBe(false);
    expect(await training.call('POST', `/jobs/${id}/cancel`, {})).toMatchObject({
      status: 412,
      body: { code: 'TRAINING.JOB_ENDED' },
    });
  }, 60_000);
});

describe('a service that is killed', () => {
  const ingestion = new FakeIngestion();
  const hold = new TrainerHold();
  let folder: string;
  let databaseUrl: string;
  let eventLogUrl: string;
  let service: KilledProcess | undefined;
  let baseUrl = '';

  beforeAll(async () => {
    await ingestion.listen();
    ingestion.add('default', 'definitions', taskRows(200));
    folder = await mkdtemp(join(tmpdir(), 'millrace-training-'));
    databaseUrl = await createTestDatabase('training', migrations);
    eventLogUrl = await createTestDatabase('events', eventLogMigrations);
  }, 60_000);
  afterEach(() => hold.release());
  afterAll(async () => {
    await service?.kill();
    hold.remove();
    ingestion.close();
    await dropTestDatabase(databaseUrl);
    await dropTestDatabase(eventLogUrl);
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  const start = async (): Promise<void> => {
    service = spawnService('training', {
      DATABASE_URL: databaseUrl,
      EVENT_LOG_URL: eventLogUrl,
      STORAGE_URL: `file://${join(folder, 'blobs')}`,
      WORK_DIR: join(folder, 'work'),
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      INGESTION_GRPC: ingestion.address,
      TRAINER_COMMANDS: hold.commands,
      LEASE_SECONDS: '1',
      POLL_MILLISECONDS: '20',
      PROGRESS_MILLISECONDS: '0',
      SHUTDOWN_READINESS_SECONDS: '0',
    });
    await service.said(/"httpAddress":"|"baseUrl":"|listening/, 30_000);
    baseUrl = /http:\/\/127\.0\.0\.1:\d+/.exec(service.output)?.[0] ?? '';
  };
  const get = async (path: string): Promise<Answer> => {
    // A service that ended by itself would only look like a refused connection.
    if (service && !service.isRunning) throw new Error(`the service has ended:\n${service.output.slice(-4_000)}`);
    return (await (await fetch(`${baseUrl}/api/v1${path}`)).json()) as Answer;
  };
  const createJob = async (): Promise<string> => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(someJob('definitions/latest')),
    };
    return ((await (await fetch(`${baseUrl}/api/v1/jobs`, init)).json()) as Answer).id as string;
  };
  const ended = (id: string): Promise<Answer> =>
    eventually(
      async () => {
        const job = await get(`/jobs/${id}`);
        if (job.state === 'failed') throw new Error(JSON.stringify(job.error));
        return job.state === 'succeeded' ? job : false;
      },
      { timeoutMs: 90_000, intervalMs: 50 },
    );

  it('finds the trainer that outlived it, adopts it, and nothing is trained twice', async () => {
    hold.at(15);
    await start();
    const id = await createJob();
    const reached = (step: number): Promise<unknown> =>
      eventually(async () => (await get(`/jobs/${id}`)).progress?.step === step, { timeoutMs: 60_000 });
    await reached(15);
    await service?.kill();
    await start();
    // Only a service that has adopted the trainer hears of its next steps.
    hold.at(25);
    await reached(25);
    hold.release();
    const job = await ended(id);
    expect(job.attempts).toMatchObject([{ number: 1, state: 'succeeded' }]);
    const store = createBlobStore(`file://${join(folder, 'blobs')}`, {});
    expect(await losses(store, job)).toHaveLength(STEPS);
    await store.close();
  }, 180_000);

  it('goes on with a pipeline run where it was, with the same job', async () => {
    const post = async (path: string, body: unknown): Promise<Answer> => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      return (await (await fetch(`${baseUrl}/api/v1${path}`, init)).json()) as Answer;
    };
    const { baseModel, promptTemplate, answerTemplate, hyperparameters } = someJob('definitions/latest');
    const slices = [{ name: 'all', datasetVersion: 'definitions' }];
    const spec = { registeredModelName: 'm', alias: 'champion', trainDatasets: ['definitions'], evaluationSlices: slices };
    hold.at(15);
    await post('/pipelines', { name: 'loop', spec: { ...spec, baseModel, promptTemplate, answerTemplate, hyperparameters } });
    const { id } = await post('/pipelines/loop/runs', {});
    await eventually(async () => (await get('/jobs?state=running')).items[0]?.progress?.step === 15, { timeoutMs: 60_000 });
    await service?.kill();
    await start();
    hold.release();
    const run = await eventually(
      async () => {
        const read = await get(`/pipeline-runs/${id}`);
        if (read.state === 'failed') throw new Error(read.reason as string);
        return read.state === 'registering' ? read : false;
      },
      { timeoutMs: 90_000, intervalMs: 50 },
    );
    const jobs = (await get(`/jobs?pipelineRunId=${id}`)).items as Answer[];
    expect(jobs).toHaveLength(1);
    expect(jobs[0]).toMatchObject({ id: run.jobId, state: 'succeeded', modelManifestDigest: run.modelManifestDigest });
  }, 180_000);

  it('on SIGTERM lets the trainer write a checkpoint, hands the job back, and the next start goes on from there', async () => {
    hold.at(35);
    const id = await createJob();
    await eventually(async () => (await get(`/jobs/${id}`)).progress?.step === 35, { timeoutMs: 60_000 });
    expect(await service?.stop()).toBe(0);
    hold.release();
    await start();
    const job = await ended(id);
    expect(job.attempts).toMatchObject([{ state: 'interrupted', error: null }, { state: 'succeeded' }]);
    expect(job.attempts[1].resumedFromStep).toBe(35);
    expect(await service?.stop()).toBe(0);
  }, 180_000);
});

/** Pid of the trainer of a job, by the job id on its command line. */
async function trainerPid(training: TrainingFixture, jobId: string): Promise<number> {
  const { body } = await training.call('GET', `/jobs/${jobId}`);
  const attempt = (body.attempts as Answer[]).at(-1);
  const folder = training.service
    .get(JobFolders)
    .ofAttempt({ workspace: training.workspace, id: jobId }, attempt?.number as number);
  return (JSON.parse(readFileSync(join(folder, 'process.json'), 'utf8')) as { pid: number }).pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH
  }
}
