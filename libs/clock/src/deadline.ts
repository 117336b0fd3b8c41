// SPDX-License-Identifier: Apache-2.0
import { AsyncLocalStorage } from 'node:async_hooks';

interface ActiveDeadline {
  at: Date;
  // Durations are counted on the monotonic clock, so that a step of the wall clock neither ends nor prolongs a call.
  endsAtMonotonicMs: number;
}

const storage = new AsyncLocalStorage<ActiveDeadline | undefined>();

/**
 * Runs `fn` so that everything it calls sees this deadline: SQL gets it as statement timeout, downstream calls as their deadline.
 * An earlier deadline that is already active wins. `undefined` runs without any (background work).
 */
export function runWithDeadline<T>(deadline: Date | undefined, fn: () => T): T {
  if (deadline === undefined) return storage.run(undefined, fn);
  const active = storage.getStore();
  const endsAtMonotonicMs = performance.now() + (deadline.getTime() - Date.now());
  if (active && active.endsAtMonotonicMs <= endsAtMonotonicMs) return fn();
  return storage.run({ at: deadline, endsAtMonotonicMs }, fn);
}

/** The deadline of the call being served, or undefined. */
export function currentDeadline(): Date | undefined {
  return storage.getStore()?.at;
}

/** Milliseconds left of the call being served (0 when past), or undefined when there is no deadline. */
export function remainingDeadlineMs(): number | undefined {
  const active = storage.getStore();
  return active && Math.max(0, active.endsAtMonotonicMs - performance.now());
}
