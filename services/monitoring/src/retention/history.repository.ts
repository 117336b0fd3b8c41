// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';

/** What is kept for a time only: inferences, webhook deliveries that are over, and what raters gave on a day (their daily bound). */
export const HISTORIES = ['inferences', 'webhook-deliveries', 'rater-days'] as const;
export type History = (typeof HISTORIES)[number];

export interface PastItsTime {
  /** By the database's clock: a process whose clock is ahead must not delete what is young. */
  retentionDays: number;
  rowsMax: number;
}

export abstract class HistoryRepository {
  /** Deletes at most `rowsMax` rows; returns how many went. What another process is about to delete is left to it. */
  abstract prune(db: Queryable, history: History, past: PastItsTime): Promise<number>;
}
