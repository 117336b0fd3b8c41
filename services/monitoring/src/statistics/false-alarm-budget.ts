// SPDX-License-Identifier: Apache-2.0

export const MINUTES_PER_WEEK = 10_080;

/**
 * Significance level of one test, so that `falseAlarmsPerWeek` is kept over all tests of a week.
 * Sidak: 1 - (1 - B)^(1/N) for B < 1; for B >= 1 the linear share B/N. Overlapping windows make tests positively dependent,
 * which only lowers the real rate.
 */
export function alphaFromBudget(falseAlarmsPerWeek: number, testsPerWeek: number): number {
  if (!(falseAlarmsPerWeek > 0)) throw new RangeError(`falseAlarmsPerWeek must be > 0, got ${falseAlarmsPerWeek}`);
  if (!(testsPerWeek >= 1)) throw new RangeError(`testsPerWeek must be >= 1, got ${testsPerWeek}`);
  const alpha =
    falseAlarmsPerWeek < 1 ? -Math.expm1(Math.log1p(-falseAlarmsPerWeek) / testsPerWeek) : falseAlarmsPerWeek / testsPerWeek;
  return Math.min(0.25, Math.max(1e-12, alpha));
}

/** Events between two false alarms (ARL0) for a CUSUM that sees `eventsPerWeek` and may be wrong `falseAlarmsPerWeek` times. */
export function averageRunLengthFromBudget(falseAlarmsPerWeek: number, eventsPerWeek: number): number {
  if (!(falseAlarmsPerWeek > 0)) throw new RangeError(`falseAlarmsPerWeek must be > 0, got ${falseAlarmsPerWeek}`);
  return Math.min(1e8, Math.max(100, eventsPerWeek / falseAlarmsPerWeek));
}
