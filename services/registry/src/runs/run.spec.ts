// SPDX-License-Identifier: Apache-2.0
import { newestByKey, runIdOfJob, storedValue } from './run';

describe('runs', () => {
  it('keep NaN as a mark and infinities as the largest doubles', () => {
    expect(storedValue(NaN)).toEqual({ value: 0, isNan: true });
    expect(storedValue(Infinity)).toEqual({ value: Number.MAX_VALUE, isNan: false });
    expect(storedValue(-Infinity)).toEqual({ value: -Number.MAX_VALUE, isNan: false });
  });

  it('show the value of the highest step, then the latest, then the greatest', () => {
    const at = (step: number, timestampMs: number, value: number) => ({ key: 'k', step, timestampMs, value });
    expect(newestByKey([at(1, 9, 9), at(2, 1, 1), at(2, 2, 0), at(2, 2, 3), at(2, 2, 2)])).toEqual([at(2, 2, 3)]);
  });

  it('give a job one run id, hex as the mlflow client expects', () => {
    expect(runIdOfJob('019a4f3c-7b52-7000-8000-0123456789ab')).toBe('019a4f3c7b5270008000' + '0123456789ab');
    expect(runIdOfJob('job 7')).toMatch(/^[0-9a-f]{32}$/);
    expect(runIdOfJob('job 7')).toBe(runIdOfJob('job 7'));
    expect(runIdOfJob('job 7')).not.toBe(runIdOfJob('job 8'));
  });
});
