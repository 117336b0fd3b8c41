// SPDX-License-Identifier: Apache-2.0
import type { Distribution } from './profile';

const BINS = 20;

/** Growable list of numbers, 8 bytes each. */
export class NumberList {
  private values = new Float64Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Float64Array(this.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = value;
  }

  sorted(): Float64Array {
    return this.values.slice(0, this.length).sort();
  }
}

/** Linear interpolation between the two neighbours of position q (n - 1): DuckDB's quantile_cont, R's type 7. */
export function quantileOf(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.ceil(position);
  return sorted[low] + (sorted[high] - sorted[low]) * (position - low);
}

/** Bin edges: doubling where the largest value is far from the median of lengths, else of equal width. */
export function histogramEdges(min: number, max: number, median: number): { edges: number[]; scale: 'linear' | 'log' } {
  if (min === max) return { edges: [min, max], scale: 'linear' };
  if (min >= 0 && Number.isInteger(min) && max > 32 && max > 16 * Math.max(1, median)) {
    const edges = [0];
    for (let edge = 1; edge <= max; edge *= 2) edges.push(edge);
    edges.push(2 * (edges.at(-1) as number));
    return { edges, scale: 'log' };
  }
  const whole = Number.isInteger(min) && Number.isInteger(max);
  const bins = whole ? Math.min(BINS, max - min + 1) : BINS;
  const width = whole ? Math.ceil((max - min + 1) / bins) : (max - min) / bins;
  const count = whole ? Math.ceil((max - min + 1) / width) : bins;
  return { edges: Array.from({ length: count + 1 }, (_, i) => (i === count && !whole ? max : min + i * width)), scale: 'linear' };
}

/** Exact distribution of a list of finite numbers; undefined for an empty one. */
export function distributionOf(list: NumberList, exact = true): Distribution | undefined {
  if (list.length === 0) return undefined;
  const sorted = list.sorted();
  const min = sorted[0];
  const max = sorted[sorted.length - 1];
  let mean = 0;
  let squares = 0;
  // Welford's update (Technometrics 4(3), 1962): no cancellation for large values.
  sorted.forEach((value, i) => {
    const delta = value - mean;
    mean += delta / (i + 1);
    squares += delta * (value - mean);
  });
  const quantile = (q: number) => quantileOf(sorted, q);
  const { edges, scale } = histogramEdges(min, max, quantile(0.5));
  const counts = new Array<number>(edges.length - 1).fill(0);
  let bin = 0;
  for (const value of sorted) {
    while (bin < counts.length - 1 && value >= edges[bin + 1]) bin++;
    counts[bin]++;
  }
  return {
    count: sorted.length,
    min,
    max,
    mean,
    standardDeviation: Math.sqrt(squares / sorted.length),
    quantiles: {
      p5: quantile(0.05),
      p25: quantile(0.25),
      p50: quantile(0.5),
      p75: quantile(0.75),
      p95: quantile(0.95),
      p99: quantile(0.99),
    },
    histogram: { edges, counts, scale },
    exact,
  };
}
