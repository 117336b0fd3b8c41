// SPDX-License-Identifier: Apache-2.0
import { UsageError } from './cli';

/** Reads a time on a command line: ISO, or an age such as 15m, 2h, 3d. Throws UsageError naming the flag. */
export function toTime(flag: string, value: string | undefined, now: Date): Date | undefined {
  if (value === undefined) return undefined;
  const age = /^(\d+)([smhd])$/.exec(value);
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const time = age ? new Date(now.getTime() - Number(age[1]) * unitMs[age[2] as keyof typeof unitMs]) : new Date(value);
  if (Number.isNaN(time.getTime()))
    throw new UsageError(`--${flag}: ${JSON.stringify(value)} is neither an ISO time nor an age such as 2h`);
  return time;
}
