// SPDX-License-Identifier: Apache-2.0
import {
  JOB_FILE,
  PROCESS_FILE,
  PROGRESS_FILE,
  RESULT_FILE,
  TRAINER_JOB_SCHEMA,
  TRAINER_RESULT_SCHEMA,
  type TrainerJob,
  type WorkerResult,
} from '../../services/training/src/trainers/trainer-contract';
import type { Kernel } from './kernel';

const STEPS = 4;
const ALREADY_TAKEN = 75;

/** What a trainer finds where it runs. */
export interface TrainerHome {
  readonly kernel: Kernel;
  readonly files: Map<string, string>;
  readonly folders: ReadonlyMap<string, object>;
  makeFolder(path: string): void;
  took(trainer: SimTrainer): void;
}

/** A trainer or evaluator: keeps to the file contract, fails now and then, and stops when asked (some are deaf). */
export class SimTrainer {
  end?: { exitCode: number | null; signal: string | null };
  hasTaken = false;
  private home?: object;
  private step = 0;

  constructor(
    private readonly host: TrainerHome,
    readonly pid: number,
    readonly folder: string,
    readonly attemptToken: string,
  ) {
    host.kernel.after(host.kernel.between(20, 800), () => this.begin());
  }

  get jobId(): string {
    return this.attemptToken.split('.')[0];
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { kernel } = this.host;
    if (signal === 'SIGKILL') this.exit(null, signal);
    else if (!this.hasTaken) this.exit(null, signal);
    else if (kernel.chance(0.9)) kernel.after(kernel.between(10, 1_500), () => this.finish({ status: 'interrupted' }));
  }

  private begin(): void {
    const { files, folders, kernel } = this.host;
    if (this.end) return;
    this.home = folders.get(this.folder);
    const taken = `${this.folder}/${PROCESS_FILE}`;
    if (!this.home || files.has(taken)) return this.exit(ALREADY_TAKEN, null);
    files.set(taken, JSON.stringify({ pid: this.pid, attemptToken: this.attemptToken }));
    this.hasTaken = true;
    this.host.took(this);
    const text = files.get(`${this.folder}/${JOB_FILE}`);
    if (text === undefined) return this.fail('user', `${JOB_FILE} is not there`);
    const job = JSON.parse(text) as TrainerJob;
    this.step = job.schema === TRAINER_JOB_SCHEMA ? (job.resume?.step ?? 0) : 0;
    kernel.after(kernel.between(500, 7_000), () => this.work(job));
  }

  private work(job: TrainerJob): void {
    const { host } = this;
    if (this.end) return;
    this.step += 1;
    this.tell({ type: 'progress', step: this.step, stepsTotal: STEPS, loss: 1, learningRate: 0.1, tokens: 10 });
    if (this.step === 2 && job.schema === TRAINER_JOB_SCHEMA) this.checkpoint();
    if (host.kernel.chance(0.02)) return this.exit(null, 'SIGKILL'); // by the system, for want of memory
    if (this.step < STEPS) return void host.kernel.after(host.kernel.between(500, 7_000), () => this.work(job));
    if (host.kernel.chance(0.08)) return this.fail('infrastructure', 'the disk is full');
    if (host.kernel.chance(0.04)) return this.fail('data', 'a row does not fit');
    if (job.schema !== TRAINER_JOB_SCHEMA) return this.succeedScoring();
    host.makeFolder(`${this.folder}/model`);
    this.finish({ status: 'succeeded', metrics: { loss: 1 }, steps: STEPS, tokens: 40, codeVersion: 'sim' });
  }

  private succeedScoring(): void {
    this.host.files.set(`${this.folder}/answers.jsonl`, '');
    this.finish({ status: 'succeeded', slices: [], scorerVersion: 'sim' });
  }

  private checkpoint(): void {
    const folder = `checkpoints/step-${this.step}`;
    this.host.makeFolder(`${this.folder}/${folder}`);
    this.tell({ type: 'checkpoint', step: this.step, folder });
  }

  /** Its file is open: where the folder was removed, lines go nowhere. */
  private tell(line: Record<string, unknown>): void {
    const { files, folders, kernel } = this.host;
    if (folders.get(this.folder) !== this.home) return;
    const path = `${this.folder}/${PROGRESS_FILE}`;
    const time = new Date(Date.UTC(2026, 0, 1) + kernel.nowMs).toISOString();
    files.set(path, `${files.get(path) ?? ''}${JSON.stringify({ ...line, time })}\n`);
  }

  private fail(failureClass: 'infrastructure' | 'data' | 'user', message: string): void {
    this.finish({ status: 'failed', failureClass, code: 'TRAINING.TRAINER_CRASHED', message });
  }

  private finish(result: Record<string, unknown>): void {
    if (this.end) return;
    if (!this.host.folders.has(this.folder)) return this.exit(1, null); // result.json cannot be written
    const whole = { schema: TRAINER_RESULT_SCHEMA, ...result } as WorkerResult;
    this.host.files.set(`${this.folder}/${RESULT_FILE}`, JSON.stringify(whole));
    this.exit(0, null);
  }

  private exit(exitCode: number | null, signal: string | null): void {
    this.end ??= { exitCode, signal };
  }
}
