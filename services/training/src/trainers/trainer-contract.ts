// SPDX-License-Identifier: Apache-2.0
import type { FailureClass, JobViolation } from '../jobs/failure';
import type { HyperparameterValue } from '../jobs/hyperparameters';
import type { SliceResult } from '../jobs/job';

/**
 * The file contract between the service and a trainer process, whatever its language. The service makes an attempt folder and starts
 * `<command> <attempt folder> <attempt token>`. The process
 *   1. creates process.json with O_EXCL (a second process of one attempt finds it and exits with status 75),
 *   2. reads job.json,
 *   3. appends one JSON object per line to progress.jsonl, of at most 1 MiB (a longer one is passed over),
 *   4. writes checkpoints into folders of their own, complete before their line in progress.jsonl,
 *   5. writes the model folder, then result.json (under another name, then renamed), and exits with status 0.
 * On SIGTERM it writes a checkpoint, then result.json with status "interrupted". Paths in the files are relative to the attempt folder.
 * A process that ends without result.json has failed: sysexits statuses tell the class (65 data, 64 and 78 user, 69 and 75 infrastructure).
 */
export const JOB_FILE = 'job.json';
export const PROCESS_FILE = 'process.json';
export const PROGRESS_FILE = 'progress.jsonl';
export const RESULT_FILE = 'result.json';
/** Standard output and error of the process. */
export const LOG_FILE = 'trainer.log';

export const TRAINER_JOB_SCHEMA = 'millrace.trainer-job/v1';
export const EVALUATOR_JOB_SCHEMA = 'millrace.evaluator-job/v1';
export const TRAINER_RESULT_SCHEMA = 'millrace.trainer-result/v1';

/** Rows as JSON lines `{"rowId", "prompt", "answer"}`. */
export interface ContractRows {
  file: string;
  rows: number;
  sha256: string;
}

export interface ContractInput extends ContractRows {
  role: string;
  /** Share of each batch, or 0 on all inputs: in proportion to rows. */
  weight: number;
}

export interface TrainerJob {
  schema: typeof TRAINER_JOB_SCHEMA;
  jobId: string;
  attempt: number;
  baseModel: { folder: string; digest: string };
  inputs: ContractInput[];
  hyperparameters: Record<string, HyperparameterValue>;
  /** Checkpoint to go on from, or null. */
  resume: { folder: string; step: number } | null;
  checkpointsFolder: string;
  modelFolder: string;
}

export interface EvaluatorJob {
  schema: typeof EVALUATOR_JOB_SCHEMA;
  jobId: string;
  attempt: number;
  model: { folder: string; digest: string };
  slices: (ContractRows & { name: string; datasetVersionId: string; contentDigest: string })[];
  baselineTraining: ContractRows[];
  seed: number;
  /** Where the answer to every row goes, as JSON lines. */
  answersFile: string;
}

export interface ProgressLine {
  type: 'progress';
  time: string;
  step: number;
  stepsTotal: number;
  loss: number;
  learningRate: number;
  /** Tokens of this step. */
  tokens: number;
}

export interface CheckpointLine {
  type: 'checkpoint';
  time: string;
  step: number;
  folder: string;
}

export interface NoteLine {
  type: 'note';
  time: string;
  level: 'info' | 'warn';
  message: string;
  data: Record<string, unknown>;
}

export type WorkerLine = ProgressLine | CheckpointLine | NoteLine;

export interface ProcessFile {
  pid: number;
  attemptToken: string;
}

export interface TrainerSuccess {
  schema: typeof TRAINER_RESULT_SCHEMA;
  status: 'succeeded';
  metrics: Record<string, number>;
  steps: number;
  tokens: number;
  codeVersion: string;
}

export interface EvaluatorSuccess {
  schema: typeof TRAINER_RESULT_SCHEMA;
  status: 'succeeded';
  slices: SliceResult[];
  scorerVersion: string;
}

export interface WorkerFailure {
  schema: typeof TRAINER_RESULT_SCHEMA;
  status: 'failed';
  failureClass: FailureClass;
  code: string;
  message: string;
  violations?: JobViolation[];
}

export interface WorkerInterrupted {
  schema: typeof TRAINER_RESULT_SCHEMA;
  status: 'interrupted';
}

export type WorkerResult = TrainerSuccess | EvaluatorSuccess | WorkerFailure | WorkerInterrupted;

const statuses = ['succeeded', 'failed', 'interrupted'];

/** Reads result.json; undefined when it is no result of this contract. */
export function parseWorkerResult(text: string): WorkerResult | undefined {
  const parsed = parseObject(text);
  if (parsed?.schema !== TRAINER_RESULT_SCHEMA || !statuses.includes(parsed.status as string)) return undefined;
  return parsed as unknown as WorkerResult;
}

/** Reads a line of progress.jsonl; undefined when it is none of this contract (a newer trainer may write other types). */
export function parseWorkerLine(text: string): WorkerLine | undefined {
  const line = parseObject(text);
  const isStep = Number.isSafeInteger(line?.step) && (line?.step as number) >= 0;
  if (line?.type === 'progress' && isStep && typeof line.loss === 'number') return line as unknown as ProgressLine;
  if (line?.type === 'checkpoint' && isStep && typeof line.folder === 'string') return line as unknown as CheckpointLine;
  if (line?.type === 'note' && typeof line.message === 'string') return line as unknown as NoteLine;
  return undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
