// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Feedback } from './feedback';

export interface FeedbackQuery {
  workspace: string;
  modelName: string;
  retracted: boolean;
  sinceTime?: Date;
  limit: number;
}

/** A piece of feedback that can be read, and what its texts take in memory, about. */
export interface FeedbackSize {
  id: string;
  textBytes: number;
}

/** Ingestion's copy of accepted feedback. */
export abstract class FeedbackRepository {
  /** Inserts; an id that is there already is left as it is. */
  abstract insert(tx: Transaction, feedback: Feedback[]): Promise<void>;
  /** Marks feedback retracted; ids that have not arrived yet are remembered. */
  abstract retract(tx: Transaction, workspace: string, feedbackIds: string[], reason: string): Promise<void>;
  /** The newest. */
  abstract list(db: Queryable, query: FeedbackQuery): Promise<FeedbackSize[]>;
  /** Of some ids, in any order; the caller sees to it that their texts fit into memory. */
  abstract read(db: Queryable, workspace: string, ids: readonly string[]): Promise<Feedback[]>;
}
