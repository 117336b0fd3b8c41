// SPDX-License-Identifier: Apache-2.0
import { alphaFromBudget, averageRunLengthFromBudget } from './false-alarm-budget';

describe('false alarm budget', () => {
  it('shares one weekly false alarm among the tests of a week', () => {
    expect(alphaFromBudget(1, 2016)).toBeCloseTo(1 / 2016, 12);
    const alpha = alphaFromBudget(0.1, 2016);
    expect(1 - (1 - alpha) ** 2016).toBeCloseTo(0.1, 10);
  });

  it('turns traffic into a run length', () => {
    expect(averageRunLengthFromBudget(0.5, 50_000)).toBe(100_000);
  });

  it('refuses a budget of nothing', () => {
    expect(() => alphaFromBudget(0, 10)).toThrow(RangeError);
    expect(() => averageRunLengthFromBudget(-1, 10)).toThrow(RangeError);
  });
});
