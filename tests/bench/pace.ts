// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';

/** Waits until the condition holds. Counting takes from what is measured, so at most a twentieth of the time is spent on it. */
export async function until(what: string, check: () => Promise<boolean>, secondsMax: number): Promise<void> {
  const endMs = performance.now() + secondsMax * 1000;
  while (performance.now() < endMs) {
    const startMs = performance.now();
    if (await check()) return;
    await delay(Math.max(20, 20 * (performance.now() - startMs)));
  }
  throw new Error(`not within ${secondsMax} s: ${what}`);
}

/**
 * Events per second from the first look that saw some to the last: starting up is not counted. When one look saw all of them, from the
 * look before it, which says too little rather than too much.
 */
export class Pace {
  private before?: { atMs: number; count: number };
  private first?: { atMs: number; count: number };
  private last = { atMs: Number.NaN, count: 0 };

  saw(count: number): number {
    this.last = { atMs: performance.now(), count };
    if (count > 0) this.first ??= this.last;
    else this.before = this.last;
    return count;
  }

  /** Not a number when there were no two looks to compare. */
  perSecond(): number {
    const from = this.first && this.first.count < this.last.count ? this.first : this.before;
    return from ? ((this.last.count - from.count) * 1000) / (this.last.atMs - from.atMs) : Number.NaN;
  }
}
