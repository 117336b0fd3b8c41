// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Calls `check` until it stops throwing and returns something other than false or undefined-by-throw; gives its value back.
 * Fails with the last error after `timeoutMs`. The only way specs wait: conditions, never fixed sleeps.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 30_000, intervalMs = 20 }: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<Exclude<T, false>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      const value = await check();
      if (value !== false) return value as Exclude<T, false>;
      if (performance.now() > end) throw new Error(`the condition did not hold within ${timeoutMs} ms`);
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await delay(intervalMs);
  }
}
