// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from './kernel';

/** Longer than every time-out and back-off in use: what a zombie still sends, or a late try still does, has come by then. */
const SETTLE_MS = 60_000;
/** The checks read whole tables, so they do not run at each step. */
const STEPS_BETWEEN_CHECKS = 32;

export interface Rest {
  /** The last fault is over by then. */
  healMs: number;
  /** Everything must be in order so long after that. */
  quietMs: number;
  /** What is not in order; nothing when all is. */
  check: () => string[];
}

/** Runs until all is in order, and on for a while: it must stay so. Gives what is wrong in the end. */
export async function runToRest(kernel: Kernel, { healMs, quietMs, check }: Rest): Promise<string[]> {
  let healed = false;
  kernel.after(healMs, () => (healed = true));
  try {
    await kernel.run(healMs + quietMs, () => healed && kernel.steps % STEPS_BETWEEN_CHECKS === 0 && check().length === 0);
    const unfinished = check();
    if (unfinished.length > 0) return unfinished;
    const restMs = kernel.nowMs;
    await kernel.run(restMs + SETTLE_MS, () => false);
    return check().map((violation) => `${violation} (all was in order at ${Math.round(restMs)} ms)`);
  } catch (error) {
    // An endless loop, or SQL that the engine does not have: told with the seed, as everything that is wrong.
    return [`the schedule stopped: ${String(error)}`, ...check()];
  }
}
