// SPDX-License-Identifier: Apache-2.0
import type { JobFailure } from './failure';
import type { HyperparameterValue } from './hyperparameters';

/** A fine-tune and an evaluation are queued, run, resumed and cancelled alike; the kind says what is made. */
export type JobKind = 'fine-tune' | 'evaluation';

export const jobStates = ['validating', 'queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

const next: Record<JobState, readonly JobState[]> = {
  validating: ['queued', 'failed', 'cancelled'],
  queued: ['running', 'failed', 'cancelled'],
  // Back to queued when an attempt failed in a way that may pass, or the service handed the job back on its stop.
  running: ['queued', 'succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};

export const isTerminal = (state: JobState): boolean => next[state].length === 0;

/** True when a job may go from one state to the other. */
export const mayMove = (from: JobState, to: JobState): boolean => next[from].includes(to);

/** A dataset version to read, as asked. */
export interface JobInputSpec {
  /** Version id, `<dataset>/<number>` or `<dataset>/latest`. */
  datasetVersion: string;
  role: string;
  /** Share of each batch, 0 to 1; 0 on all = in proportion to rows. */
  weight: number;
  promptTemplate: string;
  answerTemplate: string;
}

/** A dataset version as resolved when the job was created. */
export interface ResolvedInput extends JobInputSpec {
  datasetVersionId: string;
  contentDigest: string;
  rows: number;
}

export interface FineTuneSpec {
  displayName: string;
  registeredModelName: string;
  experimentName: string;
  trainer: string;
  baseModel: string;
  inputs: JobInputSpec[];
  promptTemplate: string;
  answerTemplate: string;
  /** Allowed answers, trimmed; empty = any. */
  labels: string[];
  hyperparameters: Record<string, HyperparameterValue>;
  priority: number;
  recipeRunId: string;
  pipelineRunId: string;
}

export interface EvaluationSliceSpec {
  name: string;
  datasetVersion: string;
}

export interface EvaluationSpec {
  displayName: string;
  modelManifestDigest: string;
  registeredModelName: string;
  slices: EvaluationSliceSpec[];
  promptTemplate: string;
  answerTemplate: string;
  baselineTraining: JobInputSpec[];
  seed: number;
  priority: number;
  pipelineRunId: string;
}

export interface JobProgress {
  step: number;
  stepsTotal: number;
  loss: number;
  learningRate: number;
  tokensPerSecond: number;
  reportTime: string;
}

/** Where the attempt that runs now lives; survives a restart of the service. */
export interface ExecutorHandle {
  executor: string;
  pid: number;
  /** Start time of the process as the system tells it; a pid that is used again has another. */
  processStart: string;
  /** In the command line of the process: proves that the pid is this attempt. */
  attemptToken: string;
  folder: string;
}

export interface CancelRequest {
  by: string;
  reason: string;
}

export interface JobRecord {
  workspace: string;
  id: string;
  kind: JobKind;
  state: JobState;
  priority: number;
  spec: FineTuneSpec | EvaluationSpec;
  inputs: ResolvedInput[];
  /** Base model of a fine-tune, model of an evaluation. */
  modelDigest: string;
  modelName: string;
  attempts: number;
  failures: number;
  progress: JobProgress | null;
  cancel: CancelRequest | null;
  result: JobResult | null;
  error: JobFailure | null;
  pipelineRunId: string;
  submittedBy: string;
  /** Aggregate version: counts changes; also the etag. */
  version: number;
  /** Fencing token: rises with each claim and each return; a holder with an older one can write nothing. */
  leaseToken: string;
  /** True while a process drives the job. */
  isHeld: boolean;
  createTime: Date;
  startTime: Date | null;
  endTime: Date | null;
  updateTime: Date;
}

export interface FineTuneResult {
  kind: 'fine-tune';
  modelManifestDigest: string;
  metrics: Record<string, number>;
  steps: number;
  tokens: number;
  durationSeconds: number;
  codeVersion: string;
  /** Blob with the loss of every step as JSON lines {"step", "loss"}. */
  lossCurveDigest: string;
}

/** One metric with its interval, as evaluations report it. */
export interface MetricValue {
  metric: string;
  value: number;
  low: number;
  high: number;
  confidence: number;
  rows: number;
  baselines: Record<string, number>;
}

export interface LabelScore {
  label: string;
  rows: number;
  recall: number;
  precision: number;
}

export interface SliceResult {
  slice: string;
  datasetVersionId: string;
  contentDigest: string;
  metrics: MetricValue[];
  labels: LabelScore[];
  invalidAnswers: number;
  /** One bit per row in the order of the version, 1 = right; base64, first row in the lowest bit. */
  rightBits: string;
}

export interface EvaluationResult {
  kind: 'evaluation';
  slices: SliceResult[];
  answersDigest: string;
  scorerVersion: string;
  durationSeconds: number;
}

export type JobResult = FineTuneResult | EvaluationResult;

export interface AttemptRecord {
  number: number;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'interrupted';
  executor: string;
  resumedFromStep: number;
  handle: ExecutorHandle | null;
  /** Bytes of the progress file that are recorded. */
  progressOffset: number;
  error: JobFailure | null;
  startTime: Date;
  endTime: Date | null;
  /** How long it took, or takes so far; by the database's clock. */
  seconds: number;
}

export type JobEventType = 'state' | 'progress' | 'checkpoint' | 'attempt' | 'validation';

export interface JobEventRecord {
  sequence: number;
  time: Date;
  level: 'info' | 'warn' | 'error';
  type: JobEventType;
  message: string;
  data: Record<string, unknown>;
}

export interface CheckpointRecord {
  step: number;
  attempt: number;
  manifestDigest: string;
  createTime: Date;
}

export const fineTuneSpec = (job: JobRecord): FineTuneSpec => job.spec as FineTuneSpec;
export const evaluationSpec = (job: JobRecord): EvaluationSpec => job.spec as EvaluationSpec;
