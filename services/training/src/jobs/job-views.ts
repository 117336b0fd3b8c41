// SPDX-License-Identifier: Apache-2.0
import {
  type AttemptRecord,
  type CheckpointRecord,
  evaluationSpec,
  fineTuneSpec,
  type JobEventRecord,
  type JobRecord,
} from './job';

/** A fine-tune as HTTP shows it. */
export function viewJob(job: JobRecord) {
  const result = job.result?.kind === 'fine-tune' ? job.result : undefined;
  return {
    ...viewCommon(job),
    spec: fineTuneSpec(job),
    baseModelName: job.modelName,
    baseModelDigest: job.modelDigest,
    modelManifestDigest: result?.modelManifestDigest ?? '',
    metrics: result?.metrics ?? {},
    steps: result?.steps ?? 0,
    tokens: result?.tokens ?? 0,
    durationSeconds: result?.durationSeconds ?? 0,
    codeVersion: result?.codeVersion ?? '',
    lossCurveDigest: result?.lossCurveDigest ?? '',
  };
}

/** An evaluation as HTTP shows it. */
export function viewEvaluationJob(job: JobRecord) {
  const result = job.result?.kind === 'evaluation' ? job.result : undefined;
  return {
    ...viewCommon(job),
    spec: evaluationSpec(job),
    // The packed bits are for comparisons; people read the answers.
    slices: (result?.slices ?? []).map(({ rightBits: _packed, ...slice }) => slice),
    answersDigest: result?.answersDigest ?? '',
    scorerVersion: result?.scorerVersion ?? '',
    durationSeconds: result?.durationSeconds ?? 0,
  };
}

export function viewAttempt(attempt: AttemptRecord) {
  const { number, state, executor, resumedFromStep, error, startTime, endTime } = attempt;
  return { number, state, executor, resumedFromStep, error, startTime, endTime };
}

export const viewEvent = (event: JobEventRecord): JobEventRecord => event;
export const viewCheckpoint = (checkpoint: CheckpointRecord): CheckpointRecord => checkpoint;

function viewCommon(job: JobRecord) {
  return {
    id: job.id,
    state: job.state,
    inputs: job.inputs.map(({ datasetVersionId, contentDigest, role, weight, rows }) => ({
      datasetVersionId,
      contentDigest,
      role,
      weight,
      rows,
    })),
    progress: job.progress,
    cancel: job.cancel,
    error: job.error,
    pipelineRunId: job.pipelineRunId,
    submittedBy: job.submittedBy,
    etag: String(job.version),
    createTime: job.createTime,
    startTime: job.startTime,
    endTime: job.endTime,
    updateTime: job.updateTime,
  };
}
