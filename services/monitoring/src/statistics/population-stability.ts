// SPDX-License-Identifier: Apache-2.0
import { chiSquareTail, chiSquareTailQuantile } from './distributions';

/** One bin of a comparison; shares are of the unsmoothed counts. */
export interface StabilityBin {
  name: string;
  reference: number;
  current: number;
  contribution: number;
}

/**
 * Population stability index with its calibration. `index` is the effect size (sum of (p-q) ln(p/q)); `cut` is the value that
 * is exceeded with probability alpha when nothing changed; `probability` is the p-value of the observed index.
 * Calibration: PSI / (1/n + 1/m) is close to chi-square with bins-1 degrees of freedom (studies: monitoring c2).
 */
export interface StabilityResult {
  index: number;
  cut: number;
  probability: number;
  referenceCount: number;
  currentCount: number;
  bins: StabilityBin[];
}

/** Cut points that split the reference into at most `bins` bins of equal count; ties collapse, so fewer may come back. */
export function quantileEdges(reference: readonly number[], bins: number): number[] {
  const sorted = [...reference].sort((left, right) => left - right);
  const edges: number[] = [];
  for (let bin = 1; bin < bins; bin += 1) {
    const edge = sorted[Math.floor((bin * sorted.length) / bins)];
    if (edge === undefined || edge === sorted[0]) continue;
    if (edges.length === 0 || edge > (edges[edges.length - 1] ?? -Infinity)) edges.push(edge);
  }
  return edges;
}

/** Index of the bin that holds `value`; bin i is [edges[i-1], edges[i]). */
export function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value >= (edges[middle] ?? Infinity)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function binName(edges: readonly number[], bin: number): string {
  if (edges.length === 0) return 'all';
  if (bin === 0) return `< ${edges[0]}`;
  return bin === edges.length ? `>= ${edges[bin - 1]}` : `${edges[bin - 1]} to ${edges[bin]}`;
}

/** PSI of two numeric samples on quantile bins of the reference. */
export function numericStability(
  reference: readonly number[],
  current: readonly number[],
  options: { bins: number; alpha: number },
): StabilityResult {
  const edges = quantileEdges(reference, options.bins);
  const counts = (values: readonly number[]): number[] => {
    const result = new Array<number>(edges.length + 1).fill(0);
    for (const value of values) result[binOf(edges, value)] = (result[binOf(edges, value)] ?? 0) + 1;
    return result;
  };
  const names = Array.from({ length: edges.length + 1 }, (_, bin) => binName(edges, bin));
  return stability(names, counts(reference), counts(current), options.alpha);
}

/** Expected count below which categories are pooled: the chi-square calibration breaks on sparse cells (c2). */
const POOLED_EXPECTED_MIN = 5;

/** PSI of two categorical samples; rare categories are pooled into `(other)`, new ones included. */
export function categoryStability(reference: readonly string[], current: readonly string[], alpha: number): StabilityResult {
  const counts = new Map<string, [number, number]>();
  for (const value of reference) counts.set(value, bump(counts.get(value), 0));
  for (const value of current) counts.set(value, bump(counts.get(value), 1));
  const smaller = Math.min(reference.length, current.length) / Math.max(1, reference.length + current.length);
  const names: string[] = [];
  const left: number[] = [];
  const right: number[] = [];
  const other: [number, number] = [0, 0];
  for (const [name, [inReference, inCurrent]] of [...counts].sort((a, b) => (a[0] < b[0] ? -1 : 1))) {
    if ((inReference + inCurrent) * smaller < POOLED_EXPECTED_MIN) {
      other[0] += inReference;
      other[1] += inCurrent;
      continue;
    }
    names.push(name);
    left.push(inReference);
    right.push(inCurrent);
  }
  if (other[0] + other[1] > 0) {
    names.push('(other)');
    left.push(other[0]);
    right.push(other[1]);
  }
  return stability(names, left, right, alpha);
}

function bump(pair: [number, number] | undefined, side: 0 | 1): [number, number] {
  const next: [number, number] = pair ?? [0, 0];
  next[side] += 1;
  return next;
}

/** Half a count per cell (Jeffreys-like): keeps the index finite on empty cells without the 1e-4 floor that inflates it. */
const SMOOTHING = 0.5;

function stability(
  names: readonly string[],
  reference: readonly number[],
  current: readonly number[],
  alpha: number,
): StabilityResult {
  const n = sum(reference);
  const m = sum(current);
  if (n === 0 || m === 0) throw new RangeError('a stability index needs at least one row on each side');
  const cells = names.length;
  const bins = names.map((name, cell) => {
    const p = ((reference[cell] ?? 0) + SMOOTHING) / (n + SMOOTHING * cells);
    const q = ((current[cell] ?? 0) + SMOOTHING) / (m + SMOOTHING * cells);
    return {
      name,
      reference: (reference[cell] ?? 0) / n,
      current: (current[cell] ?? 0) / m,
      contribution: (q - p) * Math.log(q / p),
    };
  });
  const index = sum(bins.map((bin) => bin.contribution));
  const scale = 1 / n + 1 / m;
  const degrees = cells - 1;
  return {
    index,
    cut: degrees > 0 ? chiSquareTailQuantile(alpha, degrees) * scale : Infinity,
    probability: degrees > 0 ? chiSquareTail(index / scale, degrees) : 1,
    referenceCount: n,
    currentCount: m,
    bins,
  };
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
