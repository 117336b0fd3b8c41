// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { LedgerEntry } from './ledger-entry';
import type { PlacedEntry } from './recipe-record';
import { LedgerRepository } from './recipes.repository';
import type { RecipeStep } from './recipe';

interface LedgerTableRow {
  position: string;
  row_id: string;
  ordinal: string;
  step_index: number;
  step: RecipeStep['kind'];
  action: 'dropped' | 'changed';
  rule: string;
  value: string | null;
  threshold: string | null;
  kept_row_id: string | null;
  jaccard: number | null;
}

/** PostgreSQL's text has no NUL. */
const clean = (text: string | null) => (text === null ? null : text.replaceAll('\0', '\ufffd'));

@Injectable()
export class TypeormLedgerRepository extends LedgerRepository {
  async insert(
    db: Queryable,
    at: { workspace: string; runId: string; fence: string; position: number },
    entries: LedgerEntry[],
  ): Promise<void> {
    const column = <T>(read: (entry: LedgerEntry) => T) => entries.map(read);
    await db.query(
      `insert into ledger_entries (workspace, run_id, fence, position, row_id, ordinal, step_index, step, action, rule, value, threshold, kept_row_id, jaccard)
       select $1, $2, $3, $4::bigint + ord - 1, row_id, ordinal, step_index, step, action, rule, value, threshold, kept_row_id, jaccard
       from unnest($5::text[], $6::bigint[], $7::int[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::float8[])
         with ordinality as t (row_id, ordinal, step_index, step, action, rule, value, threshold, kept_row_id, jaccard, ord)`,
      [
        at.workspace,
        at.runId,
        at.fence,
        at.position,
        column((entry) => clean(entry.rowId)),
        column((entry) => entry.ordinal),
        column((entry) => entry.stepIndex),
        column((entry) => entry.step),
        column((entry) => entry.action),
        column((entry) => clean(entry.rule)),
        column((entry) => clean(entry.value)),
        column((entry) => clean(entry.threshold)),
        column((entry) => clean(entry.keptRowId)),
        column((entry) => entry.jaccard),
      ],
    );
  }

  async publish(tx: Transaction, workspace: string, runId: string, fence: string): Promise<void> {
    await tx.query('update recipe_runs set ledger_fence = $3 where workspace = $1 and id = $2', [workspace, runId, fence]);
  }

  async removeOlder(tx: Transaction, at: { workspace: string; runId: string; fence: string }, limit: number): Promise<number> {
    const rows = await tx.query(
      `delete from ledger_entries where ctid = any(array(
         select ctid from ledger_entries where workspace = $1 and run_id = $2 and fence < $3 limit $4)) returning 1`,
      [at.workspace, at.runId, at.fence, limit],
    );
    return rows.length;
  }

  async list(
    db: Queryable,
    at: { workspace: string; runId: string },
    page: { size: number; afterPosition?: number; rowId?: string },
  ): Promise<PlacedEntry[]> {
    const rows = await db.query<LedgerTableRow>(
      `select e.* from ledger_entries e join recipe_runs r on r.workspace = e.workspace and r.id = e.run_id and r.ledger_fence = e.fence
       where e.workspace = $1 and e.run_id = $2 and e.position > $3 and ($4::text is null or e.row_id = $4) order by e.position limit $5`,
      [at.workspace, at.runId, page.afterPosition ?? -1, page.rowId ?? null, page.size],
    );
    return rows.map((row) => ({
      position: Number(row.position),
      rowId: row.row_id,
      ordinal: Number(row.ordinal),
      stepIndex: row.step_index,
      step: row.step,
      action: row.action,
      rule: row.rule,
      value: row.value,
      threshold: row.threshold,
      keptRowId: row.kept_row_id,
      jaccard: row.jaccard,
    }));
  }
}
