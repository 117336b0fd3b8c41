// SPDX-License-Identifier: Apache-2.0
import {
  currentDeadline,
  every,
  FakeClock,
  newId,
  remainingDeadlineMs,
  runWithDeadline,
  SeededIds,
  seededRandom,
  SystemClock,
} from './index';

describe('FakeClock', () => {
  it('wakes sleepers in order of time', async () => {
    const clock = new FakeClock();
    const woken: string[] = [];
    void clock.sleep(200).then(() => woken.push('b'));
    void clock.sleep(100).then(() => woken.push('a'));
    await clock.advance(150);
    expect(woken).toEqual(['a']);
    expect(clock.sleeping).toBe(1);
    await clock.advance(50);
    expect(woken).toEqual(['a', 'b']);
    expect(clock.now().toISOString()).toBe('2026-01-01T00:00:00.200Z');
  });

  it('wakes a chain of sleeps within one advance', async () => {
    const clock = new FakeClock();
    let rounds = 0;
    void (async () => {
      while (rounds < 3) {
        await clock.sleep(10);
        rounds += 1;
      }
    })();
    await clock.advance(30);
    expect(rounds).toBe(3);
  });

  it('calls timers once, repeats with every(), and forgets what is cancelled', async () => {
    const clock = new FakeClock();
    const calls: string[] = [];
    clock.timer(100, () => calls.push('once'));
    clock.timer(100, () => calls.push('never'))();
    const stop = every(clock, 40, () => calls.push('again'));
    await clock.advance(100);
    stop();
    await clock.advance(100);
    expect(calls).toEqual(['again', 'again', 'once']);
  });

  it('keeps monotonic time when the wall clock jumps', () => {
    const clock = new FakeClock();
    clock.jumpWallClock(-3_600_000);
    expect(clock.monotonicMs()).toBe(0);
    expect(clock.now().toISOString()).toBe('2025-12-31T23:00:00.000Z');
  });

  it('rejects an aborted sleep', async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const sleep = clock.sleep(1000, abort.signal);
    abort.abort(new Error('stop'));
    await expect(sleep).rejects.toThrow('stop');
    expect(clock.sleeping).toBe(0);
  });
});

describe('SystemClock', () => {
  it('rejects a sleep that is aborted before and during', async () => {
    const clock = new SystemClock();
    await expect(clock.sleep(1000, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    const abort = new AbortController();
    const sleep = clock.sleep(60_000, abort.signal);
    abort.abort(new Error('stop'));
    await expect(sleep).rejects.toThrow('stop');
    await expect(clock.sleep(1)).resolves.toBeUndefined();
  });

  it('ends a sleep early that may be aborted, and says any other failure', async () => {
    const clock = new SystemClock();
    const abort = new AbortController();
    const sleep = clock.sleepUnlessAborted(60_000, abort.signal);
    abort.abort(new Error('stop'));
    await expect(sleep).resolves.toBeUndefined();
    jest.spyOn(clock, 'sleep').mockRejectedValue(new Error('broken'));
    await expect(clock.sleepUnlessAborted(1, new AbortController().signal)).rejects.toThrow('broken');
  });
});

describe('ids', () => {
  it('are UUIDv7 and sort in the order they were made', () => {
    const made = Array.from({ length: 20_000 }, () => newId());
    expect(made[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
  });

  it('keep their order when the wall clock steps back', () => {
    const before = newId();
    const spy = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 60_000);
    const after = newId();
    spy.mockRestore();
    expect(after > before).toBe(true);
  });

  it('repeat for the same seed', () => {
    const first = new SeededIds(7);
    const second = new SeededIds(7);
    expect([first.next(), first.next()]).toEqual([second.next(), second.next()]);
    expect(new SeededIds(8).next()).not.toBe(new SeededIds(7).next());
  });
});

describe('seededRandom', () => {
  it('is uniform enough and repeatable', () => {
    const random = seededRandom(42);
    const numbers = Array.from({ length: 10_000 }, random);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    expect(mean).toBeGreaterThan(0.49);
    expect(mean).toBeLessThan(0.51);
    expect(numbers.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(seededRandom(42)()).toBe(numbers[0]);
  });
});

describe('deadline', () => {
  it('is seen by everything inside, and the earlier one wins', async () => {
    expect(currentDeadline()).toBeUndefined();
    const near = new Date(Date.now() + 1000);
    await runWithDeadline(near, async () => {
      await Promise.resolve();
      expect(currentDeadline()).toEqual(near);
      expect(remainingDeadlineMs()).toBeLessThanOrEqual(1001);
      runWithDeadline(new Date(Date.now() + 60_000), () => expect(currentDeadline()).toEqual(near));
      runWithDeadline(undefined, () => expect(remainingDeadlineMs()).toBeUndefined());
    });
    expect(remainingDeadlineMs()).toBeUndefined();
  });

  it('is never negative', () => {
    runWithDeadline(new Date(Date.now() - 5000), () => expect(remainingDeadlineMs()).toBe(0));
  });
});
