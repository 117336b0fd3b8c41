// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { LifecycleStage, Tag } from '../experiments/experiment';

/** In the order of their numbers on the wire, from 1. */
export const RUN_STATUSES = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** Tag that mirrors the name of a run. */
export const RUN_NAME_TAG = 'mlflow.runName';

/** One logged value. `value` may be NaN; infinities are kept as the largest finite doubles, as on the stock server. */
export interface Metric {
  key: string;
  value: number;
  timestampMs: number;
  step: number;
}

export type Param = Tag;

/** A dataset that a run read. */
export interface DatasetInput {
  name: string;
  digest: string;
  sourceType: string;
  source: string;
  schema?: string;
  profile?: string;
  tags: Tag[];
}

export interface RunInfo {
  /** 32 hex digits. */
  id: string;
  experimentId: string;
  name: string;
  userId: string;
  status: RunStatus;
  startMs: number;
  endMs?: number;
  artifactUri: string;
  lifecycleStage: LifecycleStage;
}

/** A run with the newest value of each metric. */
export interface Run extends RunInfo {
  metrics: Metric[];
  params: Param[];
  tags: Tag[];
  inputs: DatasetInput[];
}

const DOUBLE_MAX = Number.MAX_VALUE;

/** How a value is kept: NaN as a mark beside 0, infinities cut to the largest doubles, so that comparing and sorting stay total. */
export function storedValue(value: number): { value: number; isNan: boolean } {
  if (Number.isNaN(value)) return { value: 0, isNan: true };
  return { value: Math.min(Math.max(value, -DOUBLE_MAX), DOUBLE_MAX), isNan: false };
}

/** The newest of each key: highest step, then timestamp, then value. */
export function newestByKey(metrics: readonly Metric[]): Metric[] {
  const newest = new Map<string, Metric>();
  for (const metric of metrics) {
    const other = newest.get(metric.key);
    if (!other || isNewer(metric, other)) newest.set(metric.key, metric);
  }
  return [...newest.values()];
}

function isNewer(a: Metric, b: Metric): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestampMs !== b.timestampMs) return a.timestampMs > b.timestampMs;
  return storedValue(a.value).value > storedValue(b.value).value;
}

/** Run that a training job is recorded in: always the same one, so that every event of the job finds it. */
export function runIdOfJob(jobId: string): string {
  const hex = jobId.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(hex) ? hex : createHash('sha256').update(jobId).digest('hex').slice(0, 32);
}

/** Where artifacts of a run live below its experiment's place. */
export function runArtifactUri(artifactLocation: string, runId: string): string {
  return `${artifactLocation.replace(/\/+$/, '')}/${runId}/artifacts`;
}

const ADJECTIVES = [
  'amber',
  'brisk',
  'calm',
  'deft',
  'eager',
  'fair',
  'glad',
  'hardy',
  'ivory',
  'keen',
  'lucid',
  'mild',
  'noble',
  'plain',
  'quiet',
  'rapid',
  'sound',
  'tidy',
  'vivid',
  'warm',
];
const NOUNS = [
  'alder',
  'brook',
  'comet',
  'delta',
  'ember',
  'finch',
  'grove',
  'heron',
  'inlet',
  'jetty',
  'knoll',
  'larch',
  'maple',
  'otter',
  'perch',
  'quail',
  'ridge',
  'swift',
  'thrush',
  'wren',
];

/** A name for a run that came without one, drawn from its id: `calm-otter-417`. */
export function generatedRunName(runId: string): string {
  const digest = createHash('sha256').update(runId).digest();
  return `${ADJECTIVES[digest[0] % ADJECTIVES.length]}-${NOUNS[digest[1] % NOUNS.length]}-${digest.readUInt16BE(2) % 1000}`;
}
