// SPDX-License-Identifier: Apache-2.0
import { setImmediate as turn } from 'node:timers/promises';

/** A statement of the work beside it waits for a slice at each of its answers, so a slice is short beside a round trip. */
const SLICE_MS = 3;

/** Long work in short slices: `if (slices.isOver) await slices.next()` where it may be interrupted. */
export class WorkSlices {
  private startedMs = performance.now();

  get isOver(): boolean {
    return performance.now() - this.startedMs >= SLICE_MS;
  }

  /** The event loop turns once. */
  async next(): Promise<void> {
    await turn();
    this.startedMs = performance.now();
  }
}
