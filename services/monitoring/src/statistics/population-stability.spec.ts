// SPDX-License-Identifier: Apache-2.0
import { categoryStability, numericStability, quantileEdges, binOf } from './population-stability';
import { normalSample, seededRandom } from './seeded-random';

function sample(count: number, random: () => number, shift = 0): number[] {
  return Array.from({ length: count }, () => Math.exp(6 + 1.2 * normalSample(random) + shift));
}

describe('population stability', () => {
  it('cuts the reference at its quantiles and collapses ties', () => {
    expect(quantileEdges([1, 2, 3, 4], 4)).toEqual([2, 3, 4]);
    expect(quantileEdges([5, 5, 5, 5], 10)).toEqual([]);
    expect([0, 2, 3.5, 9].map((value) => binOf([2, 3, 4], value))).toEqual([0, 1, 2, 3]);
  });

  it('is calibrated: the share above the cut is alpha when nothing changed (a seeded simulation)', () => {
    const random = seededRandom(11);
    const runs = 1500;
    let above = 0;
    for (let run = 0; run < runs; run += 1) {
      const result = numericStability(sample(500, random), sample(500, random), { bins: 10, alpha: 0.05 });
      if (result.index > result.cut) above += 1;
    }
    expect(above / runs).toBeGreaterThan(0.03);
    expect(above / runs).toBeLessThan(0.07);
  });

  it('sees a shift of x1.5 in 500 rows at alpha 0.001 with its direction in the bins', () => {
    const random = seededRandom(12);
    let detected = 0;
    for (let run = 0; run < 100; run += 1) {
      const result = numericStability(sample(500, random), sample(500, random, Math.log(1.5)), { bins: 10, alpha: 0.001 });
      if (result.index > result.cut) detected += 1;
      if (run === 0) expect(result.bins[9]?.current).toBeGreaterThan(result.bins[9]?.reference ?? 1);
    }
    expect(detected).toBeGreaterThan(70);
  });

  it('agrees with the study on the 99.9 % cut for 1000 against 1000 rows: .056', () => {
    const random = seededRandom(13);
    const result = numericStability(sample(1000, random), sample(1000, random), { bins: 10, alpha: 0.001 });
    expect(result.cut).toBeCloseTo(0.0558, 3);
  });

  it('sees a new and a grown category and pools rare ones', () => {
    const reference = [...Array<string>(300).fill('animal'), ...Array<string>(290).fill('food'), 'rare-1', 'rare-2'];
    const current = [...Array<string>(150).fill('animal'), ...Array<string>(60).fill('food'), ...Array<string>(90).fill('plant')];
    const result = categoryStability(reference, current, 0.001);
    expect(result.bins.map((bin) => bin.name)).toEqual(['animal', 'food', 'plant', '(other)']);
    expect(result.index).toBeGreaterThan(result.cut);
    expect(result.probability).toBeLessThan(1e-6);
  });

  it('is calibrated for categories too', () => {
    const random = seededRandom(14);
    const draw = (count: number): string[] => Array.from({ length: count }, () => 'abcdef'[Math.floor(random() ** 2 * 6)] ?? 'a');
    let above = 0;
    for (let run = 0; run < 1500; run += 1) {
      const result = categoryStability(draw(700), draw(200), 0.05);
      if (result.index > result.cut) above += 1;
    }
    expect(above / 1500).toBeGreaterThan(0.03);
    expect(above / 1500).toBeLessThan(0.07);
  });

  it('never fires on one category or without rows', () => {
    expect(categoryStability(['a', 'a'], ['a'], 0.05).cut).toBe(Infinity);
    expect(() => categoryStability([], ['a'], 0.05)).toThrow(RangeError);
  });
});
