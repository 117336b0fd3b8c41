// SPDX-License-Identifier: Apache-2.0
import type { ColumnProfile, KeyProfile } from './profile';

/** Numbers of the columns of a file of JSON lines. */
export abstract class ColumnEngine {
  /** `temporaryFolder` takes what does not fit in memory. */
  abstract profile(path: string, keys: readonly KeyProfile[], temporaryFolder: string): Promise<ColumnProfile[]>;
}
