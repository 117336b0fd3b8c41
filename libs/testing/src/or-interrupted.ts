// SPDX-License-Identifier: Apache-2.0
import { runInNewContext } from 'node:vm';

/**
 * The result of synchronous work, which is broken off and fails after 40 s: a regular expression that backtracks for hours would hold
 * the test run itself, as no timer fires meanwhile. Give it so much to do that a worse algorithm needs minutes, and a slow machine seconds.
 */
export function orInterrupted<T>(work: () => T, secondsMax = 40): T {
  return runInNewContext('work()', { work }, { timeout: secondsMax * 1000 }) as T;
}
