// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from '../jobs/failure';
import type { EvaluationResult } from '../jobs/job';
import { refuseUnknown } from '../jobs/spec-fields';

/** What a gate asks of one metric on one slice. Shares, 0 to 1. */
export interface GateRule {
  slice: string;
  metric: string;
  /** Lowest value; 0 = not asked. */
  valueMin: number;
  /**
   * Largest drop against the champion; negative = not asked. Two trainings of one recipe differ by 3 to 5 points on held-out sets of
   * several hundred rows, so a tolerance below .03 refuses good models by chance.
   */
  dropMax: number;
}

export interface GateOutcome {
  rule: GateRule;
  passed: boolean;
  value: number;
  championValue: number | null;
  /** The decision in words, with figures. */
  reason: string;
}

const METRICS = ['accuracy', 'macro_f1'];

export function readGateRules(given: unknown, slices: readonly string[], violations: JobViolation[]): GateRule[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) {
    violations.push({ field: 'spec.gate', message: 'must be a list' });
    return [];
  }
  return given.map((entry: unknown, index) => readGateRule(entry, `spec.gate[${index}]`, slices, violations));
}

function readGateRule(entry: unknown, at: string, slices: readonly string[], violations: JobViolation[]): GateRule {
  const raw = (typeof entry === 'object' && entry !== null ? entry : {}) as { [Field in keyof GateRule]?: unknown };
  refuseUnknown(raw, ['slice', 'metric', 'valueMin', 'dropMax'], `${at}.`, violations);
  const { slice, metric, valueMin = 0, dropMax = -1 } = raw;
  if (!slices.includes(slice as string))
    violations.push({ field: `${at}.slice`, message: `must be one of the evaluation slices: ${slices.join(', ')}` });
  if (!METRICS.includes(metric as string))
    violations.push({ field: `${at}.metric`, message: `must be one of ${METRICS.join(', ')}` });
  if (typeof valueMin !== 'number' || !(valueMin >= 0 && valueMin <= 1))
    violations.push({ field: `${at}.valueMin`, message: 'must be a number from 0 to 1' });
  if (typeof dropMax !== 'number' || !(dropMax >= -1 && dropMax <= 1))
    violations.push({ field: `${at}.dropMax`, message: 'must be a number from -1 to 1' });
  if (valueMin === 0 && typeof dropMax === 'number' && dropMax < 0)
    violations.push({ field: at, message: 'asks for nothing: set valueMin or dropMax' });
  return { slice: String(slice), metric: String(metric), valueMin: Number(valueMin), dropMax: Number(dropMax) };
}

/** How each rule comes out. Missing data never passes; without a champion there is nothing to drop against. */
export function applyGate(
  rules: readonly GateRule[],
  candidate: EvaluationResult,
  champion: EvaluationResult | undefined,
): GateOutcome[] {
  return rules.map((rule) => {
    const value = valueOf(candidate, rule);
    const championValue = champion && valueOf(champion, rule);
    const refuse = (reason: string): GateOutcome => ({
      rule,
      passed: false,
      value: value ?? 0,
      championValue: championValue ?? null,
      reason,
    });
    const name = `${rule.metric} on ${rule.slice}`;
    if (value === undefined) return refuse(`${name} was not measured`);
    if (rule.valueMin > 0 && value < rule.valueMin)
      return refuse(`${name} is ${figure(value)}, at least ${figure(rule.valueMin)} is asked`);
    if (rule.dropMax >= 0 && champion) {
      if (championValue === undefined) return refuse(`${name} was not measured for the champion`);
      const limit = championValue - rule.dropMax;
      // Compared with room for rounding: a drop of exactly the tolerance passes.
      if (value < limit - 1e-9)
        return refuse(
          `${name} is ${figure(value)}, the champion's is ${figure(championValue)}, a drop of at most ${figure(rule.dropMax)} is allowed`,
        );
    }
    return {
      rule,
      passed: true,
      value,
      championValue: championValue ?? null,
      reason: `${name} is ${figure(value)}${against(championValue)}`,
    };
  });
}

function valueOf(result: EvaluationResult, rule: GateRule): number | undefined {
  const slice = result.slices.find((entry) => entry.slice === rule.slice);
  return slice?.metrics.find((entry) => entry.metric === rule.metric)?.value;
}

const figure = (value: number): string => value.toFixed(3);
const against = (championValue: number | undefined): string =>
  championValue === undefined ? ', there is no champion' : `, the champion's is ${figure(championValue)}`;
