// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import type { ProcessEnd } from '../jobs/failure';
import type { ExecutorHandle } from '../jobs/job';
import { TrainingErrors } from '../jobs/jobs.errors';
import { LOG_FILE, PROCESS_FILE, type ProcessFile } from '../trainers/trainer-contract';
import { type AttemptStart, Executor, type ExecutorStatus } from './executor';
import { identify } from './process-identity';

const LOG_TAIL_BYTES = 4096;

/**
 * Runs each attempt as a process of its own session on this host, so that it outlives the service: a service that was killed and
 * started again finds it by pid, start time and attempt token. The process gets no environment: no secret of the service reaches it.
 */
export class ChildProcessExecutor extends Executor {
  readonly name = 'child-process';
  /** By pid: when this process lost a job and claimed it again, it may have started two of one attempt. */
  private readonly children = new Map<number, ChildProcess>();

  constructor(private readonly options: { niceness: number }) {
    super();
  }

  async start(attempt: AttemptStart): Promise<ExecutorHandle> {
    const [program, ...args] = attempt.command;
    if (program === undefined) throw TrainingErrors.TRAINER_NOT_STARTED('the trainer has no command');
    const log = await open(join(attempt.folder, LOG_FILE), 'a');
    try {
      const child = spawn(program, [...args, attempt.folder, attempt.attemptToken], {
        cwd: attempt.folder,
        env: {},
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
      await once(child, 'spawn');
      // Later errors (a failed signal) show in the status; without a listener they would end the service.
      child.on('error', () => undefined);
      child.unref();
      const pid = child.pid as number;
      this.lowerPriority(pid);
      this.children.set(pid, child);
      // Gone already is no fault here: the status will tell how it ended.
      const processStart = (await identify(pid))?.start ?? '';
      return { executor: this.name, pid, processStart, attemptToken: attempt.attemptToken, folder: attempt.folder };
    } catch (error) {
      throw TrainingErrors.TRAINER_NOT_STARTED(`cannot start ${program}: ${(error as Error).message}`, { program }, error);
    } finally {
      await log.close();
    }
  }

  async find(folder: string, attemptToken: string): Promise<ExecutorHandle | undefined> {
    let taken: ProcessFile;
    try {
      taken = JSON.parse(await readFile(join(folder, PROCESS_FILE), 'utf8')) as ProcessFile;
    } catch (error) {
      // A process that died while writing the file left half of it: it is gone, and nothing is known of it.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
    if (taken.attemptToken !== attemptToken) return undefined;
    const identity = await identify(taken.pid);
    const isIt = identity?.commandLine.includes(attemptToken) === true;
    return { executor: this.name, pid: taken.pid, processStart: isIt ? identity.start : '', attemptToken, folder };
  }

  async status(handle: ExecutorHandle): Promise<ExecutorStatus> {
    const child = this.childOf(handle);
    if (child) {
      if (child.exitCode === null && child.signalCode === null) return { alive: true };
      this.children.delete(handle.pid);
      return {
        alive: false,
        end: await this.describeEnd(handle, { exitCode: child.exitCode, signal: child.signalCode, unseen: false }),
      };
    }
    if (await this.isAlive(handle)) return { alive: true };
    return { alive: false, end: await this.describeEnd(handle, { exitCode: null, signal: null, unseen: true }) };
  }

  async signal(handle: ExecutorHandle, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    // Never by pid alone: it may belong to somebody else by now.
    const child = this.childOf(handle);
    if (child) {
      child.kill(signal);
      return;
    }
    if (!(await this.isAlive(handle))) return;
    try {
      process.kill(handle.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** A pid may have been another's before it was our child's. */
  private childOf(handle: ExecutorHandle): ChildProcess | undefined {
    const child = this.children.get(handle.pid);
    return child?.spawnargs.at(-1) === handle.attemptToken ? child : undefined;
  }

  private async isAlive(handle: ExecutorHandle): Promise<boolean> {
    const identity = await identify(handle.pid);
    return identity !== undefined && identity.start === handle.processStart && identity.commandLine.includes(handle.attemptToken);
  }

  private lowerPriority(pid: number): void {
    try {
      setPriority(pid, Math.min(this.options.niceness, constants.priority.PRIORITY_LOW));
    } catch (error) {
      // It has ended already, or the system forbids it: training goes on at normal priority.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ERR_SYSTEM_ERROR' && code !== 'ESRCH' && code !== 'EPERM' && code !== 'EACCES') throw error;
    }
  }

  private async describeEnd(handle: ExecutorHandle, end: Omit<ProcessEnd, 'stderrTail'>): Promise<ProcessEnd> {
    return { ...end, stderrTail: await readTail(join(handle.folder, LOG_FILE)) };
  }
}

async function readTail(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES));
      await file.read(buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
