// SPDX-License-Identifier: Apache-2.0
import { training } from '#libs/contracts';
import type { JobFailure } from './failure';
import {
  type AttemptRecord,
  evaluationSpec,
  type EvaluationResult,
  fineTuneSpec,
  type JobEventRecord,
  type JobProgress,
  type JobRecord,
  type JobState,
} from './job';
import { toProtoFailureClass, toProtoInput, toProtoResults } from './jobs.events';

const states: Record<JobState, training.JobState> = {
  validating: training.JobState.JOB_STATE_VALIDATING,
  queued: training.JobState.JOB_STATE_QUEUED,
  running: training.JobState.JOB_STATE_RUNNING,
  succeeded: training.JobState.JOB_STATE_SUCCEEDED,
  failed: training.JobState.JOB_STATE_FAILED,
  cancelled: training.JobState.JOB_STATE_CANCELLED,
};

export const toProtoJobState = (state: JobState): training.JobState => states[state];

/** The state that a proto word means; undefined for UNSPECIFIED. */
export function fromProtoJobState(state: training.JobState): JobState | undefined {
  return (Object.keys(states) as JobState[]).find((name) => states[name] === state);
}

/** A fine-tune as gRPC shows it. */
export function toProtoJob(job: JobRecord, attempts: readonly AttemptRecord[] = [], queuePosition = 0): training.Job {
  const result = job.result?.kind === 'fine-tune' ? job.result : undefined;
  const spec = fineTuneSpec(job);
  const settings = Object.entries(spec.hyperparameters).map(([name, value]): [string, string] => [name, String(value)]);
  return {
    ...common(job, attempts),
    spec: { ...spec, hyperparameters: Object.fromEntries(settings) },
    inputs: job.inputs.map(toProtoInput),
    baseModelDigest: job.modelDigest,
    modelManifestDigest: result?.modelManifestDigest ?? '',
    metrics: result?.metrics ?? {},
    queuePosition,
  };
}

/** An evaluation as gRPC shows it. */
export function toProtoEvaluationJob(job: JobRecord, attempts: readonly AttemptRecord[] = []): training.EvaluationJob {
  const result = job.result?.kind === 'evaluation' ? job.result : undefined;
  const spec = evaluationSpec(job);
  return {
    ...common(job, attempts),
    spec: { ...spec, seed: String(spec.seed) },
    scores: result ? toProtoScores(result) : [],
    answersDigest: result?.answersDigest ?? '',
    scorerVersion: result?.scorerVersion ?? '',
  };
}

export function toProtoEvent(event: JobEventRecord): training.JobEvent {
  const { sequence, time, level, type, message, data } = event;
  return { sequence: String(sequence), time, level, type, message, dataJson: JSON.stringify(data) };
}

function common(job: JobRecord, attempts: readonly AttemptRecord[]) {
  return {
    id: job.id,
    state: states[job.state],
    attempts: attempts.map(toProtoAttempt),
    progress: job.progress ? toProtoProgress(job.progress) : undefined,
    error: job.error ? toProtoError(job.error) : undefined,
    submittedBy: job.submittedBy,
    etag: String(job.version),
    createTime: job.createTime,
    startTime: job.startTime ?? undefined,
    endTime: job.endTime ?? undefined,
    updateTime: job.updateTime,
  };
}

function toProtoScores(result: EvaluationResult): training.SliceScore[] {
  return result.slices.map((slice) => ({
    slice: slice.slice,
    results: toProtoResults({ ...result, slices: [slice] }),
    labels: slice.labels.map((label) => ({ ...label, rows: String(label.rows) })),
    invalidAnswers: String(slice.invalidAnswers),
  }));
}

function toProtoAttempt(attempt: AttemptRecord): training.Attempt {
  const { number, state, executor, resumedFromStep, error, startTime, endTime } = attempt;
  return {
    number,
    state,
    executor,
    resumedFromStep: String(resumedFromStep),
    failureClass: error ? toProtoFailureClass(error.failureClass) : training.FailureClass.FAILURE_CLASS_UNSPECIFIED,
    code: error?.code ?? '',
    message: error?.message ?? '',
    startTime,
    endTime: endTime ?? undefined,
  };
}

function toProtoProgress(progress: JobProgress): training.JobProgress {
  const { step, stepsTotal, loss, learningRate, tokensPerSecond, reportTime } = progress;
  return {
    step: String(step),
    stepsTotal: String(stepsTotal),
    loss,
    learningRate,
    tokensPerSecond,
    reportTime: new Date(reportTime),
  };
}

function toProtoError(error: JobFailure): training.JobError {
  const { failureClass, code, message, violations } = error;
  return { failureClass: toProtoFailureClass(failureClass), code, message, violations: violations ?? [] };
}
