// SPDX-License-Identifier: Apache-2.0
import { defaultMetric, isGood, isPossible } from './metric-definition';

describe('metric definition', () => {
  it('takes true for good unless told otherwise', () => {
    expect([true, false, 4, 'yes'].map((value) => isGood(defaultMetric('correct'), value))).toEqual([true, false, null, null]);
    expect(isGood({ ...defaultMetric('thumb'), goodValues: ['up'] }, 'down')).toBe(false);
    expect(isGood({ ...defaultMetric('stars'), goodAtLeast: 4 }, 4)).toBe(true);
  });

  it('knows impossible labels', () => {
    const metric = { ...defaultMetric('correct'), labels: ['plant', 'Animal'] };
    expect(['plant', ' animal ', 'banana', ''].map((label) => isPossible(metric, label))).toEqual([true, true, false, true]);
    expect(isPossible(defaultMetric('correct'), 'anything')).toBe(true);
  });
});
