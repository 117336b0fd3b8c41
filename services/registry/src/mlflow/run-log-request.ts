// SPDX-License-Identifier: Apache-2.0
import { invalidParameter } from '../registry.errors';
import type { DatasetInput, Metric } from '../runs/run';
import { missingValue } from './limits';
import { parseMetricValue, parseMlflowRequest, wrongType } from './request';
import { tagsFromWire } from './wire';

const SEE_DOCS = ' See the API docs for more information about request parameters.';

/** Metrics of a log-batch request; each needs key, value and timestamp. */
export function metricsFromWire(items: readonly Record<string, unknown>[]): Metric[] {
  return items.map((item, index) => {
    const path = `metrics[${index}]`;
    requireFields(item, path, ['key', 'value', 'timestamp']);
    if (typeof item['key'] !== 'string') throw wrongType(`${path}.key`, item['key']);
    return {
      key: item['key'],
      value: parseMetricValue(`${path}.value`, item['value']),
      timestampMs: integer(`${path}.timestamp`, item['timestamp']),
      step: item['step'] === undefined || item['step'] === null ? 0 : integer(`${path}.step`, item['step']),
    };
  });
}

/** Params or tags of a log-batch request; each needs a key. */
export function keyedFromWire(items: readonly Record<string, unknown>[], path: string): { key: string; value: string }[] {
  items.forEach((item, index) => requireFields(item, `${path}[${index}]`, ['key']));
  return tagsFromWire(items, path);
}

/** Datasets of a log-inputs request. The same name and digest twice is one. */
export function inputsFromWire(items: readonly Record<string, unknown>[]): DatasetInput[] {
  const inputs = items.map((item, index) => {
    const path = `datasets[${index}].dataset`;
    if (typeof item['dataset'] !== 'object' || item['dataset'] === null) throw invalidParameter('Dataset cannot be None');
    const fields = parseMlflowRequest(
      { body: item['dataset'] },
      {
        name: { type: 'string' },
        digest: { type: 'string' },
        source_type: { type: 'string' },
        source: { type: 'string' },
        schema: { type: 'string' },
        profile: { type: 'string' },
      },
    );
    for (const name of ['name', 'digest', 'source_type', 'source']) {
      if (!fields.has(name)) throw invalidParameter(`Dataset ${name} cannot be None (${path})`);
    }
    const tags = Array.isArray(item['tags']) ? (item['tags'] as Record<string, unknown>[]) : [];
    return {
      name: fields.string('name'),
      digest: fields.string('digest'),
      sourceType: fields.string('source_type'),
      source: fields.string('source'),
      schema: fields.has('schema') ? fields.string('schema') : undefined,
      profile: fields.has('profile') ? fields.string('profile') : undefined,
      tags: tagsFromWire(tags, `datasets[${index}].tags`),
    };
  });
  const byIdentity = new Map<string, DatasetInput>();
  for (const input of inputs) {
    const identity = JSON.stringify([input.name, input.digest]);
    if (!byIdentity.has(identity)) byIdentity.set(identity, input);
  }
  return [...byIdentity.values()];
}

function requireFields(item: Record<string, unknown>, path: string, names: readonly string[]): void {
  for (const name of names) {
    const value = item[name];
    if (value === undefined || value === null || value === '') throw invalidParameter(missingValue(`${path}.${name}`) + SEE_DOCS);
  }
}

function integer(path: string, value: unknown): number {
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) throw wrongType(path, value);
  return number;
}
