// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '#libs/clock';
import { eventually } from '#libs/testing';
import { JobFolders } from '../src/jobs/job-folders';
import { SweepJobFolders } from '../src/jobs/sweep-job-folders';
import { type Answer, jobBody, taskRows, TrainingFixture } from './training-fixture';
import { TrainerHold } from './trainer-hold';

const someJob = (): Answer => jobBody('definitions/latest', { hyperparameters: { steps: 10, batchSize: 4 } });

describe('files of jobs', () => {
  const training = new TrainingFixture();
  const hold = new TrainerHold();

  beforeAll(async () => {
    await training.start({ TRAINER_COMMANDS: hold.commands, POLL_MILLISECONDS: '20', ATTEMPT_BACKOFF_SECONDS: '3600' });
    training.ingestion.add(training.workspace, 'definitions', taskRows(50));
  }, 60_000);
  afterEach(() => hold.release());
  afterAll(async () => {
    await training.stop();
    hold.remove();
  }, 60_000);

  const folderOf = (id: string): string => training.service.get(JobFolders).ofJob({ workspace: training.workspace, id });

  it('of a job that was cancelled while it waited for its next attempt go, those of a job that runs and of an unknown one stay', async () => {
    hold.at(5);
    const waiting = (await training.create('/jobs', someJob())).id as string;
    const processFile = join(folderOf(waiting), 'attempt-1', 'process.json');
    const { pid } = await eventually(async () => JSON.parse(await readFile(processFile, 'utf8')) as { pid: number });
    process.kill(pid, 'SIGKILL');
    await eventually(async () => (await training.call('GET', `/jobs/${waiting}`)).body.attempts?.[0]?.state === 'failed');
    const cancelled = await training.call('POST', `/jobs/${waiting}/cancel`, {});
    expect(cancelled.body.state).toBe('cancelled');
    const running = (await training.create('/jobs', someJob())).id as string;
    await training.awaitState(`/jobs/${running}`, 'running');
    const unknown = newId();
    await mkdir(folderOf(unknown), { recursive: true });
    await writeFile(join(folderOf(unknown), 'x'), '');

    await training.service.get(SweepJobFolders).execute();
    expect([waiting, running, unknown].map((id) => existsSync(folderOf(id)))).toEqual([false, true, true]);
    hold.release();
    await training.awaitState(`/jobs/${running}`, 'succeeded');
  }, 90_000);
});
