// SPDX-License-Identifier: Apache-2.0

/** Something that must be told when its time is over. */
export interface Timed {
  /** On the clock of `performance.now()`. */
  readonly endsAtMs: number;
  expire(): void;
}

// Node's timers wait no longer than this.
const WAIT_MS_MAX = 2 ** 31 - 1;

/**
 * Ends calls at their deadline with one timer for all of them, set to the earliest: nearly every call ends long before, and a timer
 * of its own for each costs more than its place in a set.
 */
export class CallDeadlines {
  private readonly waiting = new Set<Timed>();
  private timer?: NodeJS.Timeout;
  private wakesAtMs = Infinity;

  add(timed: Timed): void {
    this.waiting.add(timed);
    if (timed.endsAtMs < this.wakesAtMs) this.wakeAt(timed.endsAtMs);
  }

  remove(timed: Timed): void {
    this.waiting.delete(timed);
  }

  // Stays set when the call that it was set for has ended: it then finds the next one.
  private wakeAt(ms: number): void {
    clearTimeout(this.timer);
    this.wakesAtMs = ms;
    this.timer = setTimeout(() => this.wake(), Math.min(WAIT_MS_MAX, Math.max(0, Math.ceil(ms - performance.now()))));
    this.timer.unref();
  }

  private wake(): void {
    this.wakesAtMs = Infinity;
    const nowMs = performance.now();
    let nextMs = Infinity;
    for (const timed of this.waiting) {
      if (timed.endsAtMs > nowMs) {
        nextMs = Math.min(nextMs, timed.endsAtMs);
      } else {
        this.waiting.delete(timed);
        timed.expire();
      }
    }
    if (nextMs < this.wakesAtMs) this.wakeAt(nextMs);
  }
}
