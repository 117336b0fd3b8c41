// SPDX-License-Identifier: Apache-2.0
import { CommonErrors } from '#libs/errors';
import { MODEL_MANIFEST_SCHEMA, type ModelManifest } from '#libs/storage';
import { Executor, type AttemptStart, type ExecutorStatus } from '../../services/training/src/executors/executor';
import type { ExecutorHandle, JobRecord } from '../../services/training/src/jobs/job';
import type { JobFolders } from '../../services/training/src/jobs/job-folders';
import { TrainingErrors } from '../../services/training/src/jobs/jobs.errors';
import type { StageOutcome } from '../../services/training/src/jobs/stage-job-rows';
import { WorkFiles } from '../../services/training/src/jobs/work-files';
import { PROCESS_FILE, type ProcessFile } from '../../services/training/src/trainers/trainer-contract';
import { outcomeOf, type SimProcess } from './kernel';
import { sha256, type SimHost } from './sim-host';
import type { SimTrainer } from './sim-trainer';

const UNAVAILABLE_SHARE = 0.04;

/** Does something on the host or in its blob store: takes a moment, and the process may die before or after it. */
function act<T>(process: SimProcess, effect: () => T, latencyMs = 20): Promise<T> {
  return new Promise((resolve, reject) => {
    process.request(
      'host',
      (answer) => {
        const { value, error } = outcomeOf(effect);
        answer(() => (error ? reject(error) : resolve(value as T)));
      },
      latencyMs,
    );
  });
}

/** The disk as one replica sees it. What only reads takes no time. */
export class SimWorkFiles extends WorkFiles {
  constructor(
    private readonly process: SimProcess,
    private readonly host: SimHost,
  ) {
    super();
  }

  makeFolder(path: string): Promise<void> {
    return act(this.process, () => this.host.makeFolder(path));
  }

  moveFolder(from: string, to: string): Promise<boolean> {
    return act(this.process, () => this.host.move(from, to));
  }

  remove(path: string): Promise<void> {
    return act(this.process, () => this.host.remove(path));
  }

  async exists(path: string): Promise<boolean> {
    return this.host.files.has(path) || this.host.folders.has(path);
  }

  async readText(path: string): Promise<string | undefined> {
    return this.host.files.get(path);
  }

  writeText(path: string, text: string): Promise<void> {
    return act(this.process, () => void this.host.files.set(path, text));
  }

  createText(path: string, text: string): Promise<boolean> {
    return act(this.process, () => {
      if (this.host.files.has(path)) return false;
      this.host.files.set(path, text);
      return true;
    });
  }

  async readBytes(path: string, offset: number, bytesMax: number): Promise<Buffer> {
    return Buffer.from((this.host.files.get(path) ?? '').slice(offset, offset + bytesMax));
  }

  async storeFile(path: string): Promise<string> {
    return sha256(path);
  }

  async storeText(text: string): Promise<string> {
    return sha256(text);
  }

  async storeModel(folder: string, extra: Record<string, unknown>): Promise<string> {
    await this.mayFail();
    if (!this.host.folders.has(folder)) throw new Error(`${folder} is not there`);
    return act(this.process, () => this.host.storeModel(folder, extra), 500);
  }

  async fetchModel(digest: string, folder: string): Promise<ModelManifest> {
    await this.mayFail();
    await act(this.process, () => this.host.makeFolder(folder), 500);
    return { ...this.host.models.get(digest), schema: MODEL_MANIFEST_SCHEMA, files: [] };
  }

  private async mayFail(): Promise<void> {
    if (this.process.kernel.chance(UNAVAILABLE_SHARE)) throw CommonErrors.UNAVAILABLE('the blob store is away');
  }
}

/** Starts trainers on the host and finds them again, as ChildProcessExecutor does with processes. */
export class SimExecutor extends Executor {
  readonly name = 'simulated';
  private readonly children = new Map<number, SimTrainer>();

  constructor(
    private readonly process: SimProcess,
    private readonly host: SimHost,
  ) {
    super();
  }

  async start({ folder, attemptToken }: AttemptStart): Promise<ExecutorHandle> {
    if (this.process.kernel.chance(UNAVAILABLE_SHARE)) throw TrainingErrors.TRAINER_NOT_STARTED('no process is left');
    const trainer = await act(this.process, () => this.host.spawn(folder, attemptToken));
    this.children.set(trainer.pid, trainer);
    return this.handleOf(trainer.pid, folder, attemptToken);
  }

  async find(folder: string, attemptToken: string): Promise<ExecutorHandle | undefined> {
    const text = this.host.files.get(`${folder}/${PROCESS_FILE}`);
    const taken = text === undefined ? undefined : (JSON.parse(text) as ProcessFile);
    return taken?.attemptToken === attemptToken ? this.handleOf(taken.pid, folder, attemptToken) : undefined;
  }

  async status(handle: ExecutorHandle): Promise<ExecutorStatus> {
    const child = this.children.get(handle.pid);
    if (child) {
      if (!child.end) return { alive: true };
      this.children.delete(handle.pid);
      return { alive: false, end: { ...child.end, stderrTail: '', unseen: false } };
    }
    if (this.host.find(handle.pid)?.end === undefined) return { alive: true };
    return { alive: false, end: { exitCode: null, signal: null, stderrTail: '', unseen: true } };
  }

  async signal(handle: ExecutorHandle, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    (this.children.get(handle.pid) ?? this.host.find(handle.pid))?.signal(signal);
  }

  private handleOf(pid: number, folder: string, attemptToken: string): ExecutorHandle {
    return { executor: this.name, pid, processStart: String(pid), attemptToken, folder };
  }
}

/** Rows come from a peer that is slow and now and then away; some do not fit. */
export class SimStageRows {
  constructor(
    private readonly process: SimProcess,
    private readonly host: SimHost,
    private readonly folders: JobFolders,
  ) {}

  async execute(job: JobRecord, signal: AbortSignal, reads: 'missing' | 'all' = 'missing'): Promise<StageOutcome> {
    const { clock, kernel } = this.process;
    const outcome: StageOutcome = { files: [], violations: [], faultyRows: 0 };
    for (const { path, relativePath: file, field } of this.folders.stageTargets(job)) {
      signal.throwIfAborted();
      if (reads === 'all' || !this.host.files.has(path)) {
        await clock.sleep(kernel.between(10, 3_000), signal);
        if (kernel.chance(0.08)) throw CommonErrors.UNAVAILABLE('ingestion is away');
        // What the rows say is theirs alone: another look finds the same.
        if (sha256(job.id) < '18') outcome.violations.push({ field, message: 'a row does not fit' });
        else this.host.files.set(path, 'rows');
      }
      outcome.files.push({ file, rows: 1, sha256: sha256(path) });
    }
    return outcome;
  }
}
