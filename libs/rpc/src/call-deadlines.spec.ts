// SPDX-License-Identifier: Apache-2.0
import { CallDeadlines, type Timed } from './call-deadlines';

describe('CallDeadlines', () => {
  const expired: string[] = [];
  let deadlines: CallDeadlines;

  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
    expired.length = 0;
    deadlines = new CallDeadlines();
  });
  afterEach(() => jest.useRealTimers());

  const timed = (name: string, inMs: number): Timed => {
    const made = { endsAtMs: performance.now() + inMs, expire: () => void expired.push(name) };
    deadlines.add(made);
    return made;
  };

  it('ends each at its own time, in whatever order they came', () => {
    timed('late', 300);
    timed('early', 100);
    timed('middle', 200);
    jest.advanceTimersByTime(99);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(expired).toEqual(['early']);
    jest.advanceTimersByTime(200);
    expect(expired).toEqual(['early', 'middle', 'late']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves those alone that have ended, and still ends what came after them', () => {
    const ended = timed('ended', 100);
    timed('other', 250);
    deadlines.remove(ended);
    jest.advanceTimersByTime(150);
    timed('later', 50);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(50);
    expect(expired).toEqual(['later']);
    jest.advanceTimersByTime(50);
    expect(expired).toEqual(['later', 'other']);
  });

  it('ends at once what is over already, and waits for what is further than a timer reaches', () => {
    timed('past', -1);
    timed('far', 2 ** 31 + 1000);
    jest.advanceTimersByTime(0);
    expect(expired).toEqual(['past']);
    jest.advanceTimersByTime(2 ** 31 - 1);
    expect(expired).toEqual(['past']);
    jest.advanceTimersByTime(2000);
    expect(expired).toEqual(['past', 'far']);
  });
});
