// SPDX-License-Identifier: Apache-2.0
import { training } from '#libs/contracts';
import type { FailureClass, JobFailure } from './failure';
import {
  type CancelRequest,
  evaluationSpec,
  type EvaluationResult,
  type FineTuneResult,
  fineTuneSpec,
  type JobProgress,
  type JobRecord,
  type ResolvedInput,
} from './job';

const failureClasses: Record<FailureClass, training.FailureClass> = {
  data: training.FailureClass.FAILURE_CLASS_DATA,
  user: training.FailureClass.FAILURE_CLASS_USER,
  'out-of-memory': training.FailureClass.FAILURE_CLASS_OUT_OF_MEMORY,
  infrastructure: training.FailureClass.FAILURE_CLASS_INFRASTRUCTURE,
  quota: training.FailureClass.FAILURE_CLASS_QUOTA,
  lost: training.FailureClass.FAILURE_CLASS_LOST,
};

/** The proto's word for a failure class. */
export const toProtoFailureClass = (failureClass: FailureClass): training.FailureClass => failureClasses[failureClass];

/** Inputs as events and resources show them. */
export function toProtoInput(input: ResolvedInput): training.JobInput {
  return { datasetVersionId: input.datasetVersionId, contentDigest: input.contentDigest, role: input.role, weight: input.weight };
}

export function queuedEvent(job: JobRecord): training.JobQueued {
  const spec = fineTuneSpec(job);
  return {
    jobId: job.id,
    displayName: spec.displayName,
    registeredModelName: spec.registeredModelName,
    pipelineRunId: job.pipelineRunId,
  };
}

export function startedEvent(
  job: JobRecord,
  attempt: { number: number; executor: string; resumedFromStep: number },
): training.JobStarted {
  return {
    jobId: job.id,
    attempt: attempt.number,
    executor: attempt.executor,
    resumedFromStep: String(attempt.resumedFromStep),
  };
}

export function progressedEvent(job: JobRecord, progress: JobProgress): training.JobProgressed {
  return {
    jobId: job.id,
    attempt: job.attempts,
    step: String(progress.step),
    stepsTotal: String(progress.stepsTotal),
    loss: progress.loss,
    learningRate: progress.learningRate,
    tokensPerSecond: progress.tokensPerSecond,
  };
}

export function checkpointedEvent(
  job: JobRecord,
  checkpoint: { step: number; manifestDigest: string },
): training.JobCheckpointed {
  return { jobId: job.id, attempt: job.attempts, step: String(checkpoint.step), manifestDigest: checkpoint.manifestDigest };
}

export function succeededEvent(job: JobRecord, result: FineTuneResult): training.JobSucceeded {
  const spec = fineTuneSpec(job);
  const templates = { prompt_template: spec.promptTemplate, answer_template: spec.answerTemplate };
  const settings = Object.entries(spec.hyperparameters).map(([name, value]): [string, string] => [name, String(value)]);
  return {
    jobId: job.id,
    displayName: spec.displayName,
    attempts: job.attempts,
    registeredModelName: spec.registeredModelName,
    experimentName: spec.experimentName,
    modelManifestDigest: result.modelManifestDigest,
    inputs: job.inputs.map(toProtoInput),
    recipeRunId: spec.recipeRunId,
    baseModelName: job.modelName,
    baseModelDigest: job.modelDigest,
    seed: String(spec.hyperparameters.seed ?? 0),
    codeVersion: result.codeVersion,
    trainer: spec.trainer,
    hyperparameters: { ...Object.fromEntries(settings), ...templates },
    metrics: result.metrics,
    steps: String(result.steps),
    tokens: String(result.tokens),
    durationSeconds: result.durationSeconds,
    pipelineRunId: job.pipelineRunId,
    submittedBy: job.submittedBy,
    startTime: job.startTime ?? undefined,
    endTime: job.endTime ?? undefined,
  };
}

export function failedEvent(job: JobRecord, failure: JobFailure): training.JobFailed {
  return {
    jobId: job.id,
    attempts: job.attempts,
    failureClass: toProtoFailureClass(failure.failureClass),
    code: failure.code,
    message: failure.message,
    pipelineRunId: job.pipelineRunId,
  };
}

export function cancelledEvent(job: JobRecord, cancel: CancelRequest): training.JobCancelled {
  return { jobId: job.id, cancelledBy: cancel.by, reason: cancel.reason, pipelineRunId: job.pipelineRunId };
}

/** Metrics of all slices as the proto words them. */
export function toProtoResults(result: EvaluationResult): training.EvaluationResult[] {
  return result.slices.flatMap((slice) =>
    slice.metrics.map((metric) => ({
      slice: slice.slice,
      datasetVersionId: slice.datasetVersionId,
      contentDigest: slice.contentDigest,
      metric: metric.metric,
      value: metric.value,
      low: metric.low,
      high: metric.high,
      confidence: metric.confidence,
      rows: String(metric.rows),
      baselines: metric.baselines,
    })),
  );
}

export function evaluationSucceededEvent(job: JobRecord, result: EvaluationResult): training.EvaluationSucceeded {
  return {
    evaluationJobId: job.id,
    modelManifestDigest: job.modelDigest,
    registeredModelName: evaluationSpec(job).registeredModelName,
    results: toProtoResults(result),
    scorerVersion: result.scorerVersion,
    pipelineRunId: job.pipelineRunId,
    endTime: job.endTime ?? undefined,
  };
}

export function evaluationFailedEvent(job: JobRecord, failure: JobFailure): training.EvaluationFailed {
  return {
    evaluationJobId: job.id,
    modelManifestDigest: job.modelDigest,
    code: failure.code,
    message: failure.message,
    pipelineRunId: job.pipelineRunId,
  };
}
