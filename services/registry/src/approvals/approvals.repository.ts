// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Approval, ApprovalState, Vote } from './approval';

export interface ApprovalQuery {
  /** '' = every model. */
  modelName: string;
  /** Absent = every state. */
  state?: ApprovalState;
  limit: number;
  pageToken: string;
}

/** Requests to move protected aliases, with their votes. */
export abstract class ApprovalsRepository {
  abstract insert(tx: Transaction, workspace: string, approval: Approval): Promise<void>;
  abstract find(db: Queryable, workspace: string, id: string): Promise<Approval | undefined>;
  /** As `find`; other votes wait until the transaction ends. */
  abstract lock(tx: Transaction, workspace: string, id: string): Promise<Approval | undefined>;
  /** Pending ones on that alias, oldest first. */
  abstract pending(db: Queryable, workspace: string, at: { modelName: string; alias: string }): Promise<Approval[]>;
  /** As `pending`, on every alias of the model; nobody else ends them until the transaction ends. */
  abstract lockPending(tx: Transaction, workspace: string, modelName: string): Promise<Approval[]>;
  abstract list(
    db: Queryable,
    workspace: string,
    query: ApprovalQuery,
  ): Promise<{ approvals: Approval[]; nextPageToken: string }>;
  abstract addVote(tx: Transaction, workspace: string, id: string, vote: Vote): Promise<void>;
  abstract setState(tx: Transaction, workspace: string, id: string, change: { state: ApprovalState; time: Date }): Promise<void>;
  /** The next place in the order of the approval's facts. */
  abstract nextEventVersion(tx: Transaction, workspace: string, id: string): Promise<number>;
  /**
   * A pending approval of any workspace whose time is over, the oldest that is none of `except` (ids); one that another replica holds is
   * left to it. By the database's clock: an end is for good, so one process with a wrong clock must not bring it about.
   */
  abstract lockDue(tx: Transaction, except: readonly string[]): Promise<{ workspace: string; id: string } | undefined>;
}
