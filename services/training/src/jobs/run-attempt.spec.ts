// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import { PersistenceErrors, type UnitOfWork, type UnitOfWorkOptions } from '#libs/persistence';
import type { TrainingSettings } from '../config';
import type { Executor } from '../executors/executor';
import { TrainerCatalog } from '../trainers/trainer-catalog';
import { PROCESS_FILE } from '../trainers/trainer-contract';
import type { FinishAttempt } from './finish-attempt';
import type { ExecutorHandle, JobRecord } from './job';
import { JobFolders } from './job-folders';
import type { JobLease } from './job-lease';
import type { JobRecorder } from './job-recorder';
import type { JobsRepository } from './jobs.repository';
import { TrainingErrors } from './jobs.errors';
import type { PrepareAttempt } from './prepare-attempt';
import { RunAttempt } from './run-attempt';
import { RunAttemptPorts } from './run-attempt-ports';
import type { WorkFiles } from './work-files';

const claimed = {
  workspace: 'w',
  id: 'job',
  kind: 'fine-tune',
  state: 'queued',
  spec: { trainer: 'tiny-lm' },
  attempts: 0,
} as unknown as JobRecord;
const handle: ExecutorHandle = { executor: 'e', pid: 7, processStart: '1', attemptToken: 'job.1', folder: '/f' };
const end = { exitCode: 0, signal: null, stderrTail: '', unseen: true };
const lease = { cause: undefined, signal: new AbortController().signal } as unknown as JobLease;
const logger = { info: () => undefined, warn: () => undefined } as unknown as Logger;

const other: ExecutorHandle = { ...handle, pid: 8 };

/** An attempt whose transaction of label `fails` is not answered, and what the host says of its processes. */
function attempt({
  fails = '',
  isStarted = true,
  isTaken = false,
  taker = handle,
  saved = undefined as ExecutorHandle | undefined,
}) {
  const executor = {
    start: jest.fn(async () => {
      if (!isStarted) throw TrainingErrors.TRAINER_NOT_STARTED('no process is left');
      return handle;
    }),
    find: jest.fn(async () => (isTaken ? taker : undefined)),
    status: jest.fn(async (_of: ExecutorHandle) => ({ alive: false, end })),
  };
  const jobs = {
    listCheckpoints: async () => [],
    listAttempts: async () => [{ number: 1, handle: saved }],
    update: jest.fn(),
    setAttemptHandle: jest.fn(),
  };
  const unitOfWork = {
    run: async (work: (tx: unknown) => Promise<unknown>, { label }: UnitOfWorkOptions) => {
      const result = await work({});
      if (label === fails) throw PersistenceErrors.COMMIT_UNKNOWN('the connection was lost during COMMIT');
      return result;
    },
  };
  const files = {
    makeFolder: jest.fn(),
    createText: jest.fn(async () => !isTaken),
    readBytes: async () => Buffer.alloc(0),
  };
  const finish = { fail: jest.fn(), execute: jest.fn() };
  const ports = new RunAttemptPorts(
    executor as unknown as Executor,
    jobs as unknown as JobsRepository,
    { started: async () => ({ ...claimed, state: 'running', attempts: 1 }) } as unknown as JobRecorder,
    unitOfWork as unknown as UnitOfWork,
    new FakeClock(),
    logger,
    files as unknown as WorkFiles,
  );
  const run = new RunAttempt(
    ports,
    { execute: async () => '/f' } as unknown as PrepareAttempt,
    finish as unknown as FinishAttempt,
    new JobFolders('/work'),
    new TrainerCatalog({ memoryMegabytes: 64, overrides: '' }),
    {} as TrainingSettings,
  );
  return { run, finish, files, executor };
}

describe('an attempt', () => {
  it('does not end when its process runs and that could not be recorded', async () => {
    const { run, finish } = attempt({ fails: 'save attempt handle' });
    await expect(run.execute(claimed, lease)).rejects.toMatchObject({ code: 'PERSISTENCE.COMMIT_UNKNOWN' });
    expect(finish.fail).not.toHaveBeenCalled();
  });

  it('that cannot start a process takes its place before it ends', async () => {
    const { run, finish, files } = attempt({ isStarted: false });
    await run.execute(claimed, lease);
    expect(files.createText).toHaveBeenCalledWith(expect.stringMatching(`attempt-1/${PROCESS_FILE}$`), expect.any(String));
    expect(finish.fail).toHaveBeenCalledTimes(1);
  });

  it('ends also when the disk does not take that', async () => {
    const { run, finish, files } = attempt({ isStarted: false });
    files.createText.mockRejectedValue(new Error('the disk is full'));
    await run.execute(claimed, lease);
    expect(finish.fail).toHaveBeenCalledTimes(1);
  });

  it('goes on with a process that one started who had lost the job', async () => {
    const { run, finish } = attempt({ isStarted: false, isTaken: true });
    await run.execute(claimed, lease);
    expect(finish.fail).not.toHaveBeenCalled();
    expect(finish.execute).toHaveBeenCalledWith(expect.objectContaining({ attempts: 1 }), lease, end);
  });

  it('follows the process that has it when the recorded one came second, and nobody saw how that ended', async () => {
    const { run, finish, executor } = attempt({ saved: handle, isTaken: true, taker: other });
    await run.execute({ ...claimed, state: 'running', attempts: 1 }, lease);
    expect(executor.status.mock.calls).toEqual([[handle], [other]]);
    expect(finish.execute).toHaveBeenCalledTimes(1);
  });
});
