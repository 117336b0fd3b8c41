// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { type Transaction, UnitOfWork } from '#libs/persistence';
import type { Caller } from '../caller';
import { type Tag, uniqueTags } from '../experiments/experiment';
import { checkKey, checkLength, checkRunId, invalidValue, limits } from '../mlflow/limits';
import { invalidParameter, RegistryErrors } from '../registry.errors';
import { RegistryMetrics } from '../registry.metrics';
import { type DatasetInput, type Metric, type Param, RUN_NAME_TAG, type RunInfo } from './run';
import { RunsRepository } from './runs.repository';

export interface RunLog {
  metrics?: Metric[];
  params?: Param[];
  tags?: Tag[];
  inputs?: DatasetInput[];
  /** True when it came through a door for one value: then messages name the field without its place in a batch. */
  single?: boolean;
}

/** Appends metrics, params, tags and inputs to an active run: all of them or, when one is refused, none. */
@Injectable()
export class LogToRun {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly runs: RunsRepository,
    private readonly metrics: RegistryMetrics,
  ) {}

  async execute(caller: Caller, runId: string, log: RunLog): Promise<void> {
    checkRunId(runId);
    checkLog(log);
    const cut = withinLimits(log);
    await this.uow.run(
      async (tx) => {
        const run = activeRun(await this.runs.findInfo(tx, caller.workspace, runId), runId);
        await this.write(tx, caller, run, cut);
        tx.afterCommit(() => this.metrics.metricsLogged.inc(log.metrics?.length ?? 0));
      },
      { label: 'log-to-run' },
    );
  }

  private async write(tx: Transaction, { workspace }: Caller, run: RunInfo, log: RunLog): Promise<void> {
    const changed = await this.runs.addParams(tx, workspace, run.id, uniqueTags(log.params ?? []));
    if (changed.length > 0) throw paramChanged(run.id, changed, log.single ?? false);
    await this.runs.addMetrics(tx, workspace, run.id, log.metrics ?? []);
    const tags = uniqueTags(log.tags ?? []);
    await this.runs.setTags(tx, workspace, run.id, tags);
    const name = tags.find((tag) => tag.key === RUN_NAME_TAG)?.value;
    if (name !== undefined && name !== run.name) {
      const current = await this.runs.lock(tx, workspace, run.id);
      await this.runs.update(tx, workspace, { ...current!, name });
    }
    await this.runs.addInputs(tx, workspace, run.id, log.inputs ?? []);
  }
}

/** The run, if it is there and not deleted; else the stock server's words. */
export function activeRun(run: RunInfo | undefined, runId: string): RunInfo {
  if (!run) throw runNotFound(runId);
  if (run.lifecycleStage === 'active') return run;
  throw invalidParameter(`The run ${run.id} must be in the 'active' state. Current state is ${run.lifecycleStage}.`);
}

export function runNotFound(runId: string): Error {
  return RegistryErrors.RUN_NOT_FOUND(`Run with id=${runId} not found`, { runId });
}

/** Long values are cut, as the stock server does: a client that logs a whole prompt as a parameter keeps working. */
function withinLimits(log: RunLog): RunLog {
  const cut = (items: readonly Tag[] | undefined, charactersMax: number): Tag[] | undefined =>
    items?.map(({ key, value }) => ({ key, value: value.length > charactersMax ? value.slice(0, charactersMax) : value }));
  return { ...log, params: cut(log.params, limits.paramValueCharacters), tags: cut(log.tags, limits.runTagValueCharacters) };
}

function checkLog(log: RunLog): void {
  const { metrics = [], params = [], tags = [], single: alone = false } = log;
  metrics.forEach((metric, index) => checkMetric(metric, alone ? '' : `metrics[${index}].`));
  params.forEach((param, index) => {
    checkKey(param.key, alone ? 'key' : `params[${index}].key`);
    checkLength('Param key', param.key, limits.keyCharacters);
  });
  tags.forEach((tag, index) => checkRunTag(tag, alone ? '' : `tags[${index}]`));
  checkBatch('metrics', metrics.length, limits.metricsPerBatch);
  checkBatch('params', params.length, limits.paramsOrTagsPerBatch);
  checkBatch('tags', tags.length, limits.paramsOrTagsPerBatch);
  checkBatch('metrics, params, and tags', metrics.length + params.length + tags.length, limits.entitiesPerBatch);
  const keys = params.map((param) => param.key);
  const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
  if (twice.length > 0) {
    const list = twice.map((key) => `'${key}'`).join(', ');
    throw invalidParameter(
      `Duplicate parameter keys have been submitted: [${list}]. Please ensure the request contains only one param value per param key.`,
    );
  }
  log.inputs?.forEach(checkInput);
}

function checkMetric(metric: Metric, path: string): void {
  checkKey(metric.key, `${path}name`);
  if (!Number.isInteger(metric.timestampMs) || metric.timestampMs < 0) {
    const why = `metric '${metric.key}' (value=${metric.value}). Timestamp must be a nonnegative long (64-bit integer) `;
    throw invalidParameter(invalidValue(`${path}timestamp`, metric.timestampMs, why));
  }
  if (!Number.isInteger(metric.step)) {
    const why = `metric '${metric.key}' (value=${metric.value}). Step must be a valid long (64-bit integer).`;
    throw invalidParameter(invalidValue(`${path}step`, metric.step, why));
  }
  checkLength('Metric name', metric.key, limits.keyCharacters);
}

/** Refuses run tags past the limits; `path` names the place in a batch. */
export function checkRunTag(tag: Tag, path = ''): void {
  const at = (field: string): string => (path ? `${path}.${field}` : field);
  checkKey(tag.key, at('key'));
  checkLength(at('key'), tag.key, limits.keyCharacters);
}

function checkBatch(what: string, length: number, max: number): void {
  if (length <= max) return;
  throw invalidParameter(
    `A batch logging request can contain at most ${max} ${what}. Got ${length} ${what}.` +
      ` Please split up ${what} across multiple requests and try again.`,
  );
}

function checkInput(input: DatasetInput): void {
  checkLength('name', input.name, limits.datasetNameCharacters);
  checkLength('digest', input.digest, limits.datasetDigestCharacters);
  checkLength('source', input.source, limits.datasetSourceCharacters);
  checkLength('schema', input.schema ?? '', limits.datasetSchemaCharacters);
  checkLength('profile', input.profile ?? '', limits.datasetProfileCharacters);
  for (const tag of input.tags) {
    checkLength('key', tag.key, 255);
    checkLength('value', tag.value, 500);
  }
}

function paramChanged(runId: string, changed: { key: string; oldValue: string; newValue: string }[], alone: boolean): Error {
  if (alone) {
    const { key, oldValue, newValue } = changed[0];
    return invalidParameter(
      `Changing param values is not allowed. Param with key='${key}' was already logged with value='${oldValue}'` +
        ` for run ID='${runId}'. Attempted logging new value '${newValue}'.`,
    );
  }
  const list = changed.map((one) => `{'key': '${one.key}', 'old_value': '${one.oldValue}', 'new_value': '${one.newValue}'}`);
  return invalidParameter(
    `Changing param values is not allowed. Params were already logged='[${list.join(', ')}]' for run ID='${runId}'.`,
  );
}
