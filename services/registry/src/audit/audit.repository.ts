// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { AuditEntry, AuditRecord } from './audit-entry';
import type { Caller } from '../caller';

/** The append-only audit of each workspace. */
export abstract class AuditLog {
  /** Appends in the transaction of the change itself; callers of one workspace queue up on its head row. */
  abstract append(tx: Transaction, caller: Caller, record: AuditRecord): Promise<AuditEntry>;
  /**
   * Entries after `afterSequence` in order, at most `limit` and no more than a page has room for; only those on `subject` unless it is
   * empty. Entries are kept as they are for ever: one may have megabytes.
   */
  abstract list(
    db: Queryable,
    workspace: string,
    page: { subject: string; afterSequence: number; limit: number },
  ): Promise<{ entries: AuditEntry[]; more: boolean }>;
  /** The newest entries, newest first, no more than a page has room for. */
  abstract tail(db: Queryable, workspace: string, limit: number): Promise<AuditEntry[]>;
  /** Sequence and hash that the chain ends with; sequence 0 when nothing was ever written. */
  abstract head(db: Queryable, workspace: string): Promise<{ sequence: number; hash: string }>;
}
