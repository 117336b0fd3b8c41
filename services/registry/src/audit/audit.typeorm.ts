// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import type { Queryable, Transaction } from '#libs/persistence';
import type { Caller } from '../caller';
import { pageBytesMax } from '../mlflow/limits';
import { pageOf, pageSql } from '../mlflow/sql';
import { type AuditEntry, type AuditRecord, chainEntry, GENESIS_HASH } from './audit-entry';
import { AuditLog } from './audit.repository';

interface EntryRow {
  sequence: string;
  time: Date;
  actor: string;
  action: string;
  subject: string;
  before_json: string;
  after_json: string;
  reason: string;
  previous_hash: string;
  hash: string;
}

const COLUMNS = 'sequence, time, actor, action, subject, before_json, after_json, reason, previous_hash, hash';
const SEQUENCE = { sql: 'a.sequence', type: 'bigint' } as const;
const PAGE = {
  columns: COLUMNS,
  alias: 'a',
  from: 'audit_entries a',
  bytes: `400 + octet_length(a.subject) + octet_length(a.reason) + octet_length(a.before_json)
    + octet_length(a.after_json)`,
  bytesMax: pageBytesMax.grpc,
};

@Injectable()
export class AuditTypeorm extends AuditLog {
  constructor(private readonly clock: Clock) {
    super();
  }

  async append(tx: Transaction, caller: Caller, record: AuditRecord): Promise<AuditEntry> {
    const { workspace } = caller;
    await tx.query('INSERT INTO audit_heads (workspace, sequence, hash) VALUES ($1, 0, $2) ON CONFLICT (workspace) DO NOTHING', [
      workspace,
      GENESIS_HASH,
    ]);
    // Held until commit: the next writer of this workspace continues from a committed head.
    const [head] = await tx.query<{ sequence: string; hash: string }>(
      'SELECT sequence, hash FROM audit_heads WHERE workspace = $1 FOR UPDATE',
      [workspace],
    );
    const entry = chainEntry(
      workspace,
      { sequence: Number(head.sequence), hash: head.hash },
      { ...record, actor: caller.actor, time: this.clock.now() },
    );
    await tx.query(`INSERT INTO audit_entries (workspace, ${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, [
      workspace,
      entry.sequence,
      entry.time,
      entry.actor,
      entry.action,
      entry.subject,
      entry.beforeJson,
      entry.afterJson,
      entry.reason,
      entry.previousHash,
      entry.hash,
    ]);
    await tx.query('UPDATE audit_heads SET sequence = $2, hash = $3 WHERE workspace = $1', [
      workspace,
      entry.sequence,
      entry.hash,
    ]);
    return entry;
  }

  async list(
    db: Queryable,
    workspace: string,
    page: { subject: string; afterSequence: number; limit: number },
  ): Promise<{ entries: AuditEntry[]; more: boolean }> {
    const conditions = [`a.workspace = $1 AND a.sequence > $2 AND ($3 = '' OR a.subject = $3)`];
    const terms = [{ ...SEQUENCE, descending: false }];
    const rows = await db.query<EntryRow>(pageSql({ ...PAGE, conditions, terms, limit: '$4' }), [
      workspace,
      page.afterSequence,
      page.subject,
      page.limit + 1,
    ]);
    const kept = pageOf(rows, { limit: page.limit, terms, filter: undefined });
    return { entries: kept.rows.map(toEntry), more: kept.nextPageToken !== '' };
  }

  async tail(db: Queryable, workspace: string, limit: number): Promise<AuditEntry[]> {
    const terms = [{ ...SEQUENCE, descending: true }];
    const sql = pageSql({ ...PAGE, conditions: ['a.workspace = $1'], terms, limit: '$2' });
    const rows = await db.query<EntryRow>(sql, [workspace, limit]);
    return rows.map(toEntry);
  }

  async head(db: Queryable, workspace: string): Promise<{ sequence: number; hash: string }> {
    const [head] = await db.query<{ sequence: string; hash: string }>(
      'SELECT sequence, hash FROM audit_heads WHERE workspace = $1',
      [workspace],
    );
    return head ? { sequence: Number(head.sequence), hash: head.hash } : { sequence: 0, hash: GENESIS_HASH };
  }
}

function toEntry(row: EntryRow): AuditEntry {
  return {
    sequence: Number(row.sequence),
    time: row.time,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    beforeJson: row.before_json,
    afterJson: row.after_json,
    reason: row.reason,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
