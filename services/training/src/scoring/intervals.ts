// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';

export interface Interval {
  low: number;
  high: number;
}

/** Standard normal quantile of .975: the two-sided 95 % point. */
const Z_95 = 1.959963984540054;

/** Confidence of every interval that evaluations report. */
export const CONFIDENCE = 0.95;

/**
 * Wilson's score interval (E. B. Wilson, 1927) of a share, 95 %: unlike the normal one it stays within 0 and 1 and keeps its
 * coverage for few rows and for shares near the ends.
 */
export function wilsonInterval(hits: number, rows: number): Interval {
  if (rows === 0) return { low: 0, high: 1 };
  const share = hits / rows;
  const z2 = Z_95 * Z_95;
  const centre = share + z2 / (2 * rows);
  const margin = Z_95 * Math.sqrt((share * (1 - share)) / rows + z2 / (4 * rows * rows));
  const scale = 1 + z2 / rows;
  // Rounding must not push the share itself out of its interval at the ends.
  return {
    low: Math.min(share, Math.max(0, (centre - margin) / scale)),
    high: Math.max(share, Math.min(1, (centre + margin) / scale)),
  };
}

/**
 * Percentile bootstrap interval, 95 %, of a statistic over rows: rows are drawn with replacement `resamples` times.
 * `statistic` gets the drawn row numbers. Same seed, same interval.
 */
export function bootstrapInterval(
  rows: number,
  statistic: (drawn: Int32Array) => number,
  options: { seed: number; resamples: number },
): Interval {
  if (rows === 0) return { low: 0, high: 1 };
  const random = seededRandom(options.seed);
  const drawn = new Int32Array(rows);
  const values = new Float64Array(options.resamples);
  for (let sample = 0; sample < options.resamples; sample += 1) {
    for (let index = 0; index < rows; index += 1) drawn[index] = Math.floor(random() * rows);
    values[sample] = statistic(drawn);
  }
  values.sort();
  const tail = (1 - CONFIDENCE) / 2;
  return { low: quantile(values, tail), high: quantile(values, 1 - tail) };
}

// Linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996).
function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] ?? 0;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? low;
  return low + (high - low) * (position - below);
}
