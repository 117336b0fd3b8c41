// SPDX-License-Identifier: Apache-2.0
import { SystemClock, type Clock } from '#libs/clock';

/** Waits for `work`, but no longer than `ms`; true when it ended in time. What it throws is thrown on, unless it is late. */
export async function within(work: Promise<unknown>, ms: number, clock: Clock = new SystemClock()): Promise<boolean> {
  let cancel: (() => void) | undefined;
  const late = new Promise<false>((resolve) => {
    cancel = clock.timer(ms, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    cancel?.();
  }
}
