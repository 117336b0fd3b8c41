// SPDX-License-Identifier: Apache-2.0

/** Who calls, and in which workspace. */
export interface Caller {
  workspace: string;
  subject: string;
}

/** A page as callers ask for it. */
export interface PageInput {
  pageSize?: number;
  pageToken?: string;
}

/** A page as callers get it; an empty token means it was the last. */
export interface Page<T> {
  items: T[];
  nextPageToken: string;
}
