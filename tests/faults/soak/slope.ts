// SPDX-License-Identifier: Apache-2.0

/** A value at a time. */
export interface Sample {
  /** Hours. */
  at: number;
  value: number;
}

export interface Slope {
  /** Change per hour, by least squares. */
  perHour: number;
  /** Half width of its 95 % confidence interval. */
  margin: number;
  last: number;
}

/** Two-sided 97.5 % points of Student's t at 1, 2, 3, ... degrees of freedom; beyond, the normal's is close enough. */
const T_TABLE = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131];

/**
 * Least-squares slope with its 95 % interval. Neighbouring samples of a heap resemble each other (it saws between collections), so the
 * number of independent samples is reduced by the first autocorrelation r of the residuals: n (1 - r) / (1 + r).
 */
export function slopeOf(samples: readonly Sample[]): Slope {
  const n = samples.length;
  if (n < 4) return { perHour: 0, margin: Infinity, last: samples.at(-1)?.value ?? 0 };
  const mean = (pick: (sample: Sample) => number): number => samples.reduce((sum, sample) => sum + pick(sample), 0) / n;
  const [meanAt, meanValue] = [mean(({ at }) => at), mean(({ value }) => value)];
  const spread = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  const perHour = samples.reduce((sum, { at, value }) => sum + (at - meanAt) * (value - meanValue), 0) / spread;
  const residuals = samples.map(({ at, value }) => value - meanValue - perHour * (at - meanAt));
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0);
  const products = residuals.slice(1).reduce((sum, residual, index) => sum + residual * residuals[index], 0);
  const correlation = squares > 0 ? Math.min(0.95, Math.max(0, products / squares)) : 0;
  const independent = Math.max(3, (n * (1 - correlation)) / (1 + correlation));
  const t = T_TABLE[Math.floor(independent) - 3] ?? 1.96;
  const margin = t * Math.sqrt(squares / (independent - 2) / spread);
  return { perHour, margin, last: samples[n - 1].value };
}

/** True when growth beyond the bound may hide in the noise: the interval is wider than the bound, and reaches above it. */
export function saysNothing(slope: Slope, boundPerHour: number): boolean {
  return slope.margin > boundPerHour && slope.perHour + slope.margin > boundPerHour;
}

/** True when the slope is above the bound beyond doubt: even the low end of its interval is. */
export function exceeds(slope: Slope, boundPerHour: number): boolean {
  return slope.perHour - slope.margin > boundPerHour;
}
