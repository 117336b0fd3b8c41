// SPDX-License-Identifier: Apache-2.0
import type { Experiment, Tag } from '../experiments/experiment';
import type { ModelWithLatest } from '../models/find-models';
import type { ModelVersion } from '../models/model';
import type { Metric, Run, RunInfo } from '../runs/run';
import { wrongType } from './request';

/** A JSON object as MLflow writes it: snake_case, int64 as numbers, unset fields and empty lists left out. */
export type Wire = Record<string, unknown>;

export function experimentToWire(experiment: Experiment, workspace: string): Wire {
  return {
    experiment_id: experiment.id,
    name: experiment.name,
    artifact_location: experiment.artifactLocation,
    lifecycle_stage: experiment.lifecycleStage,
    last_update_time: experiment.lastUpdateMs,
    creation_time: experiment.creationMs,
    ...list('tags', experiment.tags),
    workspace,
  };
}

export function runInfoToWire(run: RunInfo): Wire {
  return {
    run_uuid: run.id,
    experiment_id: run.experimentId,
    run_name: run.name,
    user_id: run.userId,
    status: run.status,
    start_time: run.startMs,
    ...(run.endMs === undefined ? {} : { end_time: run.endMs }),
    artifact_uri: run.artifactUri,
    lifecycle_stage: run.lifecycleStage,
    run_id: run.id,
  };
}

export function runToWire(run: Run): Wire {
  const inputs = run.inputs.map((input) => ({
    ...list('tags', input.tags),
    dataset: {
      name: input.name,
      digest: input.digest,
      source_type: input.sourceType,
      source: input.source,
      ...(input.schema ? { schema: input.schema } : {}),
      ...(input.profile ? { profile: input.profile } : {}),
    },
  }));
  return {
    info: runInfoToWire(run),
    data: { ...list('metrics', run.metrics.map(metricToWire)), ...list('params', run.params), ...list('tags', run.tags) },
    inputs: list('dataset_inputs', inputs),
    outputs: {},
  };
}

export function metricToWire(metric: Metric): Wire {
  return { key: metric.key, value: doubleToWire(metric.value), timestamp: metric.timestampMs, step: metric.step };
}

export function modelToWire(model: ModelWithLatest): Wire {
  return {
    name: model.name,
    creation_timestamp: model.creationMs,
    last_updated_timestamp: model.lastUpdatedMs,
    ...(model.description === undefined ? {} : { description: model.description }),
    // Without their aliases: those of the model say the same, and the stock server leaves them out here.
    ...list(
      'latest_versions',
      model.latest.map((version) => versionToWire({ ...version, aliases: [] })),
    ),
    ...list('tags', model.tags),
    ...list(
      'aliases',
      model.aliases.map(({ alias, version }) => ({ alias, version: String(version) })),
    ),
  };
}

export function versionToWire(version: ModelVersion): Wire {
  return {
    name: version.modelName,
    version: String(version.version),
    creation_timestamp: version.creationMs,
    last_updated_timestamp: version.lastUpdatedMs,
    ...(version.userId ? { user_id: version.userId } : {}),
    current_stage: version.stage,
    description: version.description,
    source: version.source,
    run_id: version.runId,
    status: 'READY',
    ...list('tags', version.tags),
    run_link: version.runLink,
    ...list('aliases', version.aliases),
    ...(version.modelId ? { model_id: version.modelId } : {}),
  };
}

/** `{ [field]: items }`, or nothing for an empty list. */
export function list(field: string, items: readonly unknown[]): Wire {
  return items.length > 0 ? { [field]: items } : {};
}

/** `{ next_page_token }`, or nothing on the last page. */
export function nextPage(token: string): Wire {
  return token === '' ? {} : { next_page_token: token };
}

/** proto JSON has strings for what JSON numbers cannot say. */
export function doubleToWire(value: number): number | string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return value;
  return value > 0 ? 'Infinity' : '-Infinity';
}

/** Key-value objects of a request; values are strings on the wire, absent ones are empty. */
export function tagsFromWire(items: readonly Record<string, unknown>[], path: string): Tag[] {
  return items.map((item, index) => {
    const { key, value } = item;
    if (typeof key !== 'string') throw wrongType(`${path}[${index}].key`, key);
    if (value !== undefined && value !== null && typeof value !== 'string') throw wrongType(`${path}[${index}].value`, value);
    return { key, value: value ?? '' };
  });
}
