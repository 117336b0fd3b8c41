// SPDX-License-Identifier: Apache-2.0
import type { ColumnProfile, KeyProfile } from './profile';

/** Numbers of the columns of a file of JSON lines. */
export abstract class ColumnEngine {
  /** `temporaryFolder` takes what does not fit in memory. Rejects soon after `signal` is aborted. */
  abstract profile(
    path: string,
    keys: readonly KeyProfile[],
    use: { temporaryFolder: string; signal: AbortSignal },
  ): Promise<ColumnProfile[]>;
}
