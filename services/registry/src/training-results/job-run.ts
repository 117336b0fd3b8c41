// SPDX-License-Identifier: Apache-2.0
import type { training } from '#libs/contracts';
import type { Lineage } from '../models/model';
import type { DatasetInput, Metric, Param } from '../runs/run';
import type { Tag } from '../experiments/experiment';

/** Experiment of live runs until the job says its own; models are trained into an experiment of their name. */
export function provisionalExperiment(registeredModelName: string): string {
  return registeredModelName || 'training';
}

/** Where a version comes from, out of the job's last word. */
export function lineageOf(job: training.JobSucceeded): Lineage {
  return {
    jobId: job.jobId,
    inputs: job.inputs.map((input) => `${input.role}:${input.datasetVersionId}:${input.contentDigest}`),
    recipeRunId: job.recipeRunId,
    baseModelName: job.baseModelName,
    baseModelDigest: job.baseModelDigest,
    seed: job.seed,
    codeVersion: job.codeVersion,
    pipelineRunId: job.pipelineRunId,
  };
}

/** Params of the run: hyperparameters as they are, and what else decided the result. */
export function paramsOf(job: training.JobSucceeded): Param[] {
  const own = {
    base_model: job.baseModelName,
    base_model_digest: job.baseModelDigest,
    seed: job.seed,
    trainer: job.trainer,
  };
  const all = { ...own, ...job.hyperparameters };
  return Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => ({ key: safeKey(key), value: value.slice(0, 6000) }));
}

/** Final metrics, at the last step. */
export function finalMetricsOf(job: training.JobSucceeded): Metric[] {
  const timestampMs = (job.endTime ?? new Date(0)).getTime();
  const all = { ...job.metrics, tokens: Number(job.tokens), duration_seconds: job.durationSeconds, attempts: job.attempts };
  return Object.entries(all).map(([key, value]) => ({ key: safeKey(key), value, timestampMs, step: Number(job.steps) }));
}

export function progressMetricsOf(progress: training.JobProgressed, time: Date): Metric[] {
  const { loss, learningRate: learning_rate, tokensPerSecond: tokens_per_second } = progress;
  const at = { timestampMs: time.getTime(), step: Number(progress.step) };
  return Object.entries({ loss, learning_rate, tokens_per_second }).map(([key, value]) => ({ key, value, ...at }));
}

export function tagsOf(job: { jobId: string; pipelineRunId?: string; codeVersion?: string; submittedBy?: string }): Tag[] {
  const all = {
    'millrace.job_id': job.jobId,
    'millrace.pipeline_run_id': job.pipelineRunId,
    'millrace.code_version': job.codeVersion,
    'mlflow.user': job.submittedBy,
  };
  return Object.entries(all).flatMap(([key, value]) => (value ? [{ key, value }] : []));
}

/** The job's datasets as inputs of the run, so that `mlflow` shows them. MLflow's digests have at most 36 characters. */
export function inputsOf(job: training.JobSucceeded): DatasetInput[] {
  return job.inputs.map((input) => ({
    name: input.datasetVersionId,
    digest: input.contentDigest.slice(0, 36),
    sourceType: 'millrace',
    source: JSON.stringify({ datasetVersionId: input.datasetVersionId, sha256: input.contentDigest }),
    tags: [{ key: 'mlflow.data.context', value: input.role }],
  }));
}

/** A name that MLflow's rules allow: other characters become `_`. */
export function safeKey(key: string): string {
  const safe = key.replace(/[^\p{L}\p{N}_.\- :]/gu, '_').slice(0, 250);
  return safe === '' || /^\.+$/.test(safe) ? `_${safe}` : safe;
}
