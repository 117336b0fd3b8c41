// SPDX-License-Identifier: Apache-2.0

/**
 * Mergeable histogram of positive values: 32 bins per octave (about +-1.1 % of the value), bin 0 holds everything below 1.
 * Stored as int[] (trailing zeros cut), merged by adding element by element, in SQL as well as here.
 */
export const BINS_PER_OCTAVE = 32;
/** 2^24 and above share the last bin: 16.7 million milliseconds or tokens. */
export const BINS_MAX = 1 + 24 * BINS_PER_OCTAVE;

export function log2Bin(value: number): number {
  if (!(value >= 1)) return 0;
  return Math.min(BINS_MAX - 1, 1 + Math.floor(Math.log2(value) * BINS_PER_OCTAVE));
}

/** Geometric middle of a bin; 0.5 for bin 0. */
export function log2BinMiddle(bin: number): number {
  return bin === 0 ? 0.5 : 2 ** ((bin - 0.5) / BINS_PER_OCTAVE);
}

export function addToHistogram(histogram: number[], value: number): void {
  const bin = log2Bin(value);
  while (histogram.length <= bin) histogram.push(0);
  histogram[bin] = (histogram[bin] ?? 0) + 1;
}

export function mergeHistograms(left: readonly number[], right: readonly number[]): number[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, bin) => (left[bin] ?? 0) + (right[bin] ?? 0));
}

/** Value below which `share` of the events lie; undefined for an empty histogram. */
export function histogramQuantile(histogram: readonly number[], share: number): number | undefined {
  let total = 0;
  for (const count of histogram) total += count;
  if (total === 0) return undefined;
  let seen = 0;
  for (let bin = 0; bin < histogram.length; bin += 1) {
    seen += histogram[bin] ?? 0;
    if (seen >= share * total && (histogram[bin] ?? 0) > 0) return log2BinMiddle(bin);
  }
  return log2BinMiddle(histogram.length - 1);
}
