// SPDX-License-Identifier: Apache-2.0
import { type ActiveDeadline, type Ambient, currentAmbient, runWithAmbient } from './ambient';
import { SystemClock, type Clock } from './clock';

const SYSTEM_CLOCK = new SystemClock();

/**
 * Runs `fn` so that everything it calls sees this deadline: SQL gets it as statement timeout, downstream calls as their deadline.
 * An earlier deadline that is already active wins. `undefined` runs without any (background work).
 */
export function runWithDeadline<T>(deadline: Date | undefined, fn: () => T, clock: Clock = SYSTEM_CLOCK): T {
  const ambient = currentAmbient();
  const earliest = earliestDeadline(ambient, deadline, clock);
  if (earliest === ambient.deadline && earliest !== undefined) return fn();
  return runWithAmbient({ deadline: earliest, trace: ambient.trace }, fn);
}

/** The deadline of work inside `ambient` that got one of its own: whichever comes first. `undefined` = none at all. */
export function earliestDeadline(
  ambient: Ambient,
  deadline: Date | undefined,
  clock: Clock = SYSTEM_CLOCK,
): ActiveDeadline | undefined {
  if (deadline === undefined) return undefined;
  const endsAtMonotonicMs = clock.monotonicMs() + (deadline.getTime() - clock.now().getTime());
  const active = ambient.deadline;
  return active && active.endsAtMonotonicMs <= endsAtMonotonicMs ? active : { at: deadline, endsAtMonotonicMs, clock };
}

/** The deadline of the call being served, or undefined. */
export function currentDeadline(): Date | undefined {
  return currentAmbient().deadline?.at;
}

/** Milliseconds left of the call being served (0 when past), or undefined when there is no deadline. */
export function remainingDeadlineMs(): number | undefined {
  const active = currentAmbient().deadline;
  return active && Math.max(0, active.endsAtMonotonicMs - active.clock.monotonicMs());
}
