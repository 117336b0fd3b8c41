// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore } from '#libs/storage';
import { eventually } from '#libs/testing';
import { ChildProcessExecutor } from '../src/executors/child-process-executor';
import { AttemptProgress } from '../src/jobs/attempt-progress';
import type { ExecutorHandle } from '../src/jobs/job';
import { DiskWorkFiles } from '../src/jobs/work-files';

// Takes the attempt as a trainer does, last of all: a spec that finds it taken may end it at once. Then waits for SIGTERM; "deaf" ignores it.
const worker = `
  const [, folder, token, mode] = [0, process.argv[2], process.argv[3], process.argv[1]];
  console.error('secrets: ' + (process.env.DATABASE_URL ?? 'none'));
  if (mode === 'deaf') process.on('SIGTERM', () => {});
  require('node:fs').writeFileSync(folder + '/process.json', JSON.stringify({ pid: process.pid, attemptToken: token }));
  setInterval(() => {}, 1000);
`;

describe('ChildProcessExecutor', () => {
  let folder: string;
  const files = new DiskWorkFiles({} as BlobStore); // nothing is stored here
  const first = new ChildProcessExecutor({ niceness: 5 });
  const command = (mode: string): string[] => [process.execPath, '-e', worker, mode];
  const gone = (executor: ChildProcessExecutor, handle: ExecutorHandle) =>
    eventually(async () => {
      const status = await executor.status(handle);
      return status.alive ? false : status.end;
    });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-executor-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('starts a process that another executor finds and stops, by token and start time', async () => {
    const handle = await first.start({ folder, command: command('kind'), attemptToken: 'job-1.1' });
    const second = new ChildProcessExecutor({ niceness: 5 });
    const found = await eventually(async () => (await second.find(folder, 'job-1.1')) ?? false);
    expect(found).toEqual(handle);
    expect(await second.find(folder, 'job-1.2')).toBeUndefined();
    expect(await second.status(found)).toEqual({ alive: true });
    expect(await second.status({ ...found, processStart: '1' })).toMatchObject({ alive: false });
    await second.signal({ ...found, processStart: '1' }, 'SIGKILL');
    expect(await second.status(found)).toEqual({ alive: true });
    await second.signal(found, 'SIGTERM');
    expect(await gone(second, found)).toMatchObject({ unseen: true, exitCode: null });
    expect(await gone(first, handle)).toMatchObject({ unseen: false, signal: 'SIGTERM' });
  }, 20_000);

  it('gives the process nothing of the environment of the service, and keeps its last words', async () => {
    process.env.DATABASE_URL = 'postgres://secret';
    try {
      const handle = await first.start({ folder, command: command('deaf'), attemptToken: 'job-2.1' });
      await eventually(async () => (await first.find(folder, 'job-2.1')) ?? false);
      await first.signal(handle, 'SIGTERM');
      expect(await first.status(handle)).toEqual({ alive: true });
      await first.signal(handle, 'SIGKILL');
      expect(await gone(first, handle)).toEqual({
        exitCode: null,
        signal: 'SIGKILL',
        stderrTail: 'secrets: none\n',
        unseen: false,
      });
    } finally {
      delete process.env.DATABASE_URL;
    }
  }, 20_000);

  it('tells two processes of one attempt apart', async () => {
    const handle = await first.start({ folder, command: command('kind'), attemptToken: 'job-4.1' });
    await eventually(async () => (await first.find(folder, 'job-4.1')) ?? false);
    const second = await first.start({ folder, command: [process.execPath, '-e', 'process.exit(75)'], attemptToken: 'job-4.1' });
    expect(await gone(first, second)).toMatchObject({ exitCode: 75 });
    expect(await first.status(handle)).toEqual({ alive: true });
    await first.signal(handle, 'SIGKILL');
    expect(await gone(first, handle)).toMatchObject({ unseen: false, signal: 'SIGKILL' });
  }, 20_000);

  it('says that a command cannot be started', async () => {
    const start = first.start({ folder, command: ['/no/such/program'], attemptToken: 'job-3.1' });
    await expect(start).rejects.toMatchObject({ code: 'TRAINING.TRAINER_NOT_STARTED' });
  });

  it('follows a progress file by whole lines, from any offset, and sums up losses and speed', async () => {
    const line = (step: number, second: number): string =>
      `${JSON.stringify({ type: 'progress', time: new Date(second * 1000).toISOString(), step, stepsTotal: 9, loss: step, learningRate: 0.1, tokens: 50 })}\n`;
    const path = join(folder, 'progress.jsonl');
    const progress = new AttemptProgress(files, folder, 0);
    expect(await progress.poll()).toBe(false);
    await writeFile(path, `${line(1, 0)}${line(2, 1)}nonsense\n${line(3, 2).slice(0, 20)}`);
    await progress.poll();
    const batch = progress.flush();
    expect(batch.progress).toMatchObject({ step: 2, stepsTotal: 9, loss: 1.5, tokensPerSecond: 50 });
    await writeFile(
      path,
      `${line(1, 0)}${line(2, 1)}nonsense\n${line(3, 2)}${JSON.stringify({ type: 'checkpoint', step: 3, folder: 'c', time: 't' })}\n`,
    );
    const later = new AttemptProgress(files, folder, batch.offset);
    expect(await later.poll()).toBe(true);
    expect(later.flush()).toMatchObject({ progress: { step: 3, loss: 3 }, checkpoints: [{ step: 3, folder: 'c' }] });
    expect(later.isEmpty).toBe(true);
  });
});
