// SPDX-License-Identifier: Apache-2.0
import { addToHistogram, BINS_MAX, histogramQuantile, log2Bin, mergeHistograms } from './log2-histogram';
import { seededRandom } from './seeded-random';

describe('log2 histogram', () => {
  it('answers quantiles within 1.1 % and survives merging', () => {
    const random = seededRandom(41);
    const values = Array.from({ length: 20_000 }, () => Math.exp(3 + 3 * random()));
    const left: number[] = [];
    const right: number[] = [];
    values.forEach((value, index) => addToHistogram(index % 3 === 0 ? left : right, value));
    const merged = mergeHistograms(left, right);
    const sorted = [...values].sort((a, b) => a - b);
    for (const share of [0.1, 0.5, 0.95, 0.999]) {
      const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
      expect(Math.abs((histogramQuantile(merged, share) ?? 0) / exact - 1)).toBeLessThan(0.0115);
    }
    expect(merged.reduce((sum, count) => sum + count, 0)).toBe(20_000);
  });

  it('has a home for zero, nonsense and the very large', () => {
    expect(log2Bin(0)).toBe(0);
    expect(log2Bin(Number.NaN)).toBe(0);
    expect(log2Bin(1e300)).toBe(BINS_MAX - 1);
    expect(histogramQuantile([], 0.5)).toBeUndefined();
  });
});
