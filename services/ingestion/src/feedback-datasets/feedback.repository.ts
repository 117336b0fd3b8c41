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

/** Ingestion's copy of accepted feedback. */
export abstract class FeedbackRepository {
  /** Inserts; an id that is there already is left as it is. */
  abstract insert(tx: Transaction, feedback: Feedback[]): Promise<void>;
  /** Marks feedback retracted; ids that have not arrived yet are remembered. */
  abstract retract(tx: Transaction, workspace: string, feedbackIds: string[], reason: string): Promise<void>;
  /** Newest first. */
  abstract list(db: Queryable, query: FeedbackQuery): Promise<Feedback[]>;
}
