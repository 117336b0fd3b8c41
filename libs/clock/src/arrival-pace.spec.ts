// SPDX-License-Identifier: Apache-2.0
import { ArrivalPace } from './arrival-pace';

/** What a pace of 30 s and 1024 bytes a second says to `seconds` waits of a second each. */
function faultAfter(seconds: number, bytesAt: (second: number) => number): { second: number; fault: string } | undefined {
  const pace = new ArrivalPace({ idleMs: 30_000, bytesPerSecondMin: 1024 });
  for (let second = 1; second <= seconds; second += 1) {
    const fault = pace.waited(1000, bytesAt(second));
    if (fault !== undefined) return { second, fault };
  }
  return undefined;
}

describe('ArrivalPace', () => {
  it('ends what is silent for its time', () => {
    expect(faultAfter(100, () => 0)).toEqual({ second: 30, fault: 'nothing came for 30 s' });
    expect(faultAfter(100, (second) => (second <= 10 ? 1_000_000 : 0))).toMatchObject({ second: 40 });
  });

  it('ends a byte now and then, also behind a fast start', () => {
    const slow = { fault: 'less than 1024 bytes a second came for 30 s' };
    expect(faultAfter(100, (second) => (second % 29 === 0 ? 1 : 0))).toEqual({ second: 30, ...slow });
    expect(faultAfter(100, (second) => (second === 1 ? 10_000_000 : 1))).toEqual({ second: 60, ...slow });
    expect(faultAfter(100, () => 1023)).toEqual({ second: 30, ...slow });
  });

  it('lets an honest slow sender go on for ever, in drops or in bursts', () => {
    expect(faultAfter(10_000, () => 1024)).toBeUndefined();
    expect(faultAfter(10_000, (second) => (second % 20 === 0 ? 400_000 : 0))).toBeUndefined();
  });

  it('does not count the time in which nobody waited', () => {
    const pace = new ArrivalPace({ idleMs: 30_000, bytesPerSecondMin: 1024 });
    for (let chunk = 0; chunk < 1000; chunk += 1) expect(pace.waited(0.5, 64)).toBeUndefined();
  });
});
