// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { appendFileSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FailureClass } from '../jobs/failure';
import type { TrainingExample } from '../jobs/row-check';
import {
  type ContractRows,
  JOB_FILE,
  PROCESS_FILE,
  PROGRESS_FILE,
  RESULT_FILE,
  TRAINER_RESULT_SCHEMA,
  type WorkerLine,
  type WorkerResult,
} from './trainer-contract';

/** A failure that the worker can account for. */
export class WorkerError extends Error {
  constructor(
    readonly failureClass: FailureClass,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'WorkerError';
  }
}

type Untimed<Line> = Line extends WorkerLine ? Omit<Line, 'time'> : never;

/** The worker's side of the file contract: an attempt folder. Synchronous on purpose: a line is on disk before the next step starts. */
export class WorkerFiles {
  private readonly progressFile: number;

  private constructor(readonly folder: string) {
    this.progressFile = openSync(this.path(PROGRESS_FILE), 'a');
  }

  /** Takes the attempt; throws EEXIST when another process has it. */
  static take(folder: string, attemptToken: string): WorkerFiles {
    writeFileSync(join(folder, PROCESS_FILE), JSON.stringify({ pid: process.pid, attemptToken }), { flag: 'wx' });
    return new WorkerFiles(folder);
  }

  path(relative: string): string {
    return join(this.folder, relative);
  }

  readJob<Job extends { schema: string }>(schema: Job['schema']): Job {
    const job = JSON.parse(readFileSync(this.path(JOB_FILE), 'utf8')) as Job;
    if (job.schema !== schema)
      throw new WorkerError('user', 'TRAINING.SPEC_INVALID', `job.json: schema is ${job.schema}, not ${schema}`);
    return job;
  }

  /** Rows of a file, whose hash is checked: a file changed since it was validated is refused. */
  readRows(rows: ContractRows): TrainingExample[] {
    const bytes = readFileSync(this.path(rows.file));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== rows.sha256) {
      throw new WorkerError(
        'infrastructure',
        'TRAINING.TRAINER_OUTPUT_INVALID',
        `${rows.file} was changed since it was validated`,
      );
    }
    const lines = bytes.toString('utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TrainingExample);
  }

  append(line: Untimed<WorkerLine>): void {
    appendFileSync(this.progressFile, `${JSON.stringify({ ...line, time: new Date().toISOString() })}\n`);
  }

  writeResult(result: WorkerResult): void {
    const partial = this.path(`${RESULT_FILE}.partial`);
    writeFileSync(partial, JSON.stringify(result), { flush: true });
    renameSync(partial, this.path(RESULT_FILE));
  }
}

/** EX_TEMPFAIL of sysexits.h. */
const ALREADY_TAKEN = 75;

/**
 * Runs a worker as `<command> <attempt folder> <attempt token>`. `work` gets a signal that is aborted on SIGTERM; it returns what goes
 * into result.json. Whatever it throws becomes a failed result with a class.
 */
export async function runWorker(work: (files: WorkerFiles, stop: AbortSignal) => Promise<WorkerResult>): Promise<void> {
  const [folder, attemptToken] = process.argv.slice(2);
  if (!folder || !attemptToken) throw new Error('usage: <attempt folder> <attempt token>');
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  // The service hands signals on itself; a Ctrl-C in the terminal must not reach the trainer twice.
  process.on('SIGINT', () => undefined);
  let files: WorkerFiles;
  try {
    files = WorkerFiles.take(folder, attemptToken);
  } catch (error) {
    process.stderr.write(`cannot take the attempt: ${(error as Error).message}\n`);
    process.exitCode = ALREADY_TAKEN;
    return;
  }
  try {
    files.writeResult(await work(files, stop.signal));
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n`);
    files.writeResult({ schema: TRAINER_RESULT_SCHEMA, status: 'failed', ...describe(error) });
  }
}

function describe(error: unknown): { failureClass: FailureClass; code: string; message: string } {
  const message = (error as Error).message;
  if (error instanceof WorkerError) return { failureClass: error.failureClass, code: error.code, message };
  const code = (error as { code?: unknown }).code;
  // WebAssembly and typed arrays report exhausted memory as a RangeError.
  if (error instanceof RangeError && /memory|allocation|array length/i.test(message)) {
    return { failureClass: 'out-of-memory', code: 'TRAINING.OUT_OF_MEMORY', message };
  }
  if (code === 'ENOSPC' || code === 'EIO' || code === 'EMFILE')
    return { failureClass: 'infrastructure', code: 'TRAINING.TRAINER_CRASHED', message };
  if (code === 'TINY_LM.EXAMPLE_INVALID') return { failureClass: 'data', code: 'TRAINING.ROWS_INVALID', message };
  if (code === 'TINY_LM.CHECKPOINT_MISMATCH')
    return { failureClass: 'infrastructure', code: 'TRAINING.CHECKPOINT_MISMATCH', message };
  return {
    failureClass: 'user',
    code: typeof code === 'string' && code.includes('.') ? code : 'TRAINING.TRAINER_CRASHED',
    message,
  };
}
