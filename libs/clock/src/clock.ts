// SPDX-License-Identifier: Apache-2.0

/** Time as a port: wall time for what people see, monotonic time for durations (it never jumps). */
export abstract class Clock {
  abstract now(): Date;
  /** Milliseconds since an arbitrary start; only differences mean something. */
  abstract monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  abstract sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** As `sleep`, but being aborted ends it early instead of failing. */
  sleepUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
    return this.sleep(ms, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  /** Calls `fn` once after `ms`, unless the function that it returns is called first. */
  abstract timer(ms: number, fn: () => void): () => void;
}

export class SystemClock extends Clock {
  now(): Date {
    return new Date();
  }

  monotonicMs(): number {
    return performance.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason as Error);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  timer(ms: number, fn: () => void): () => void {
    const handle = setTimeout(fn, ms);
    return () => clearTimeout(handle);
  }
}

/** Calls `fn` every `ms` until the function that it returns is called. A late call does not make the next one come sooner. */
export function every(clock: Clock, ms: number, fn: () => void): () => void {
  let cancel = clock.timer(ms, tick);
  function tick(): void {
    cancel = clock.timer(ms, tick);
    fn();
  }
  return () => cancel();
}

interface Sleeper {
  wakeAtMs: number;
  wake: () => void;
}

/** A clock that moves only when told. Wall and monotonic time can be moved apart with `jumpWallClock`. */
export class FakeClock extends Clock {
  private elapsedMs = 0;
  private wallMs: number;
  private sleepers: Sleeper[] = [];

  constructor(start: Date | string = '2026-01-01T00:00:00.000Z') {
    super();
    this.wallMs = new Date(start).getTime();
  }

  now(): Date {
    return new Date(this.wallMs);
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const sleeper: Sleeper = { wakeAtMs: this.elapsedMs + ms, wake: resolve };
      this.sleepers.push(sleeper);
      signal?.addEventListener(
        'abort',
        () => {
          this.sleepers = this.sleepers.filter((other) => other !== sleeper);
          reject(signal.reason as Error);
        },
        { once: true },
      );
    });
  }

  timer(ms: number, fn: () => void): () => void {
    const sleeper: Sleeper = { wakeAtMs: this.elapsedMs + ms, wake: fn };
    this.sleepers.push(sleeper);
    return () => {
      this.sleepers = this.sleepers.filter((other) => other !== sleeper);
    };
  }

  /** Moves both times on and wakes sleepers in the order of their wake time; lets their continuations run in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.elapsedMs + ms;
    for (;;) {
      const due = this.sleepers.filter((sleeper) => sleeper.wakeAtMs <= endMs).sort((a, b) => a.wakeAtMs - b.wakeAtMs)[0];
      if (!due) break;
      this.sleepers = this.sleepers.filter((sleeper) => sleeper !== due);
      this.moveTo(Math.max(due.wakeAtMs, this.elapsedMs));
      due.wake();
      await settle();
    }
    this.moveTo(endMs);
    await settle();
  }

  /** Moves wall time only, as an operator or NTP does. */
  jumpWallClock(ms: number): void {
    this.wallMs += ms;
  }

  /** How many sleeps are pending. */
  get sleeping(): number {
    return this.sleepers.length;
  }

  private moveTo(elapsedMs: number): void {
    this.wallMs += elapsedMs - this.elapsedMs;
    this.elapsedMs = elapsedMs;
  }
}

// Promise continuations run before the next macrotask, so one turn of the event loop lets them all finish.
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
