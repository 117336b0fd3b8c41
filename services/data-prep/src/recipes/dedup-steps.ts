// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { NearDuplicateIndex, runYielding } from '../near-duplicates/near-duplicate-index';
import {
  priorityByScore,
  removalCurve,
  selectSurvivors,
  type CurvePoint,
  type SurvivorPolicy,
  type Survivors,
} from '../near-duplicates/select-survivors';
import type { ExactDedupStep, NearDedupStep } from './recipe';
import { asNumber, formatJson, getField, textOf, type RecipeRow } from './recipe-rows';
import type { RowResult } from './ledger-entry';
import { ledgerValue } from './row-steps';

export type Decision = NonNullable<RowResult['entry']>;

/** A step that decides after it has seen every row. Positions count the rows that reached the step. */
export interface Grouping {
  add(row: RecipeRow): void;
  decide(signal?: AbortSignal): Promise<void>;
  /** Undefined = the row stays. */
  decision(position: number): Decision | undefined;
  curve?(): CurvePoint[] | undefined;
}

export const CURVE_THRESHOLDS: readonly number[] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1];

function scoreOf(row: RecipeRow, policy: SurvivorPolicy, fields: readonly string[]): number {
  if (policy.keep === 'max') return asNumber(getField(row.data, policy.field));
  if (policy.keep === 'first') return 0;
  if (fields.length === 0) return formatJson(row.data).length;
  return fields.reduce((sum, field) => sum + textOf(row.data, field).length, 0);
}

function policyName(policy: SurvivorPolicy): string {
  return policy.keep === 'max' ? `max(${policy.field})` : policy.keep;
}

function normalised(value: unknown): unknown {
  return typeof value === 'string' ? value.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim() : value;
}

/** JSON with sorted keys, so that the order of fields does not make rows differ. */
function canonicalJson(value: unknown, map: (value: unknown) => unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, map)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item, map)}`).join(',')}}`;
  }
  return JSON.stringify(map(value)) ?? 'null';
}

/** Rows whose chosen fields are equal: compared by sha256 of their canonical JSON. */
export class ExactGroups implements Grouping {
  private readonly groups = new Map<string, number>();
  /** Per row: number of its group; -1 for a row in which every chosen field is missing (never a duplicate). */
  private readonly groupOf: number[] = [];
  private readonly scores: number[] = [];
  private readonly ids: string[] = [];
  private keptBy = new Int32Array(0);

  constructor(private readonly step: ExactDedupStep) {}

  add(row: RecipeRow): void {
    const { step } = this;
    this.ids.push(row.id);
    this.scores.push(scoreOf(row, step.keep, step.fields));
    const values = step.fields.length > 0 ? step.fields.map((field) => getField(row.data, field)) : [row.data];
    if (values.every((value) => value === undefined)) {
      this.groupOf.push(-1);
      return;
    }
    const json = canonicalJson(values, step.normalise ? normalised : (value) => value);
    const key = createHash('sha256').update(json).digest('base64');
    let group = this.groups.get(key);
    if (group === undefined) {
      group = this.groups.size;
      this.groups.set(key, group);
    }
    this.groupOf.push(group);
  }

  async decide(): Promise<void> {
    const order = priorityByScore(Float64Array.from(this.scores));
    const bestOfGroup = new Int32Array(this.groups.size).fill(-1);
    this.keptBy = new Int32Array(this.ids.length);
    for (const row of order) {
      const group = this.groupOf[row];
      if (group >= 0 && bestOfGroup[group] === -1) bestOfGroup[group] = row;
      this.keptBy[row] = group < 0 ? row : bestOfGroup[group];
    }
  }

  decision(position: number): Decision | undefined {
    const kept = this.keptBy[position];
    if (kept === position) return undefined;
    const { step } = this;
    const rule = step.fields.length > 0 ? `equal ${step.fields.join(', ')}` : 'equal row';
    return {
      action: 'dropped',
      rule,
      value: null,
      threshold: `keep ${policyName(step.keep)}`,
      keptRowId: this.ids[kept],
      jaccard: 1,
    };
  }
}

/** Rows whose texts are near: exact Jaccard with the row kept in their place is at least the threshold. */
export class NearGroups implements Grouping {
  private readonly index: NearDuplicateIndex;
  private readonly scores: number[] = [];
  private readonly ids: string[] = [];
  private survivors: Survivors | undefined;
  private points: CurvePoint[] | undefined;

  constructor(private readonly step: NearDedupStep) {
    const lowest = Math.min(step.threshold, CURVE_THRESHOLDS[0]);
    this.index = new NearDuplicateIndex({ shingleWords: step.shingleWords, jaccardMin: lowest });
  }

  add(row: RecipeRow): void {
    this.index.add(textOf(row.data, this.step.field));
    this.scores.push(scoreOf(row, this.step.keep, [this.step.field]));
    this.ids.push(row.id);
  }

  async decide(signal?: AbortSignal): Promise<void> {
    const priority = this.step.keep.keep === 'first' ? undefined : priorityByScore(Float64Array.from(this.scores));
    const graph = await runYielding(this.index.search(priority), signal);
    this.survivors = selectSurvivors(graph, this.step.threshold, priority);
    this.points = removalCurve(graph, CURVE_THRESHOLDS, priority);
  }

  decision(position: number): Decision | undefined {
    if (!this.survivors) throw new TypeError('decide() comes first');
    const kept = this.survivors.keptBy[position];
    if (kept === position) return undefined;
    const jaccard = this.survivors.jaccard[position];
    return {
      action: 'dropped',
      rule: `near-duplicate in ${this.step.field}`,
      value: ledgerValue(Number(jaccard.toFixed(4))),
      threshold: String(this.step.threshold),
      keptRowId: this.ids[kept],
      jaccard,
    };
  }

  curve(): CurvePoint[] | undefined {
    return this.points;
  }
}
