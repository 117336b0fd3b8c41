// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { EvidenceRule } from '../evaluations/evidence';
import type { AliasInterval, AliasPolicy } from './alias';
import { AliasesRepository } from './aliases.repository';

interface IntervalRow {
  version: number;
  valid_from: Date;
  valid_to: Date | null;
  actor: string;
  reason: string;
  approval_id: string;
  forced: boolean;
  rollout_id: string;
}

interface PolicyRow {
  alias: string;
  approvals_required: number;
  evidence: EvidenceRule[];
}

@Injectable()
export class AliasesTypeorm extends AliasesRepository {
  async find(db: Queryable, workspace: string, modelName: string, alias: string): Promise<number | undefined> {
    const [row] = await db.query<{ version: number }>(
      'SELECT version FROM aliases WHERE workspace = $1 AND model_name = $2 AND alias = $3',
      [workspace, modelName, alias],
    );
    return row?.version;
  }

  async set(
    tx: Transaction,
    workspace: string,
    at: { modelName: string; alias: string },
    interval: Omit<AliasInterval, 'validFrom'>,
  ): Promise<Date> {
    const place = [workspace, at.modelName, at.alias];
    await tx.query(
      `INSERT INTO aliases (workspace, model_name, alias, version) VALUES ($1, $2, $3, $4)
       ON CONFLICT (workspace, model_name, alias) DO UPDATE SET version = excluded.version`,
      [...place, interval.version],
    );
    const time = await this.nextTime(tx, place);
    await this.close(tx, place, time);
    const [opened] = await tx.query<{ valid_from: Date }>(
      `INSERT INTO alias_history (workspace, model_name, alias, version, valid_from, actor, reason, approval_id, forced, rollout_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING valid_from`,
      [
        ...place,
        interval.version,
        time,
        interval.actor,
        interval.reason,
        interval.approvalId,
        interval.forced,
        interval.rolloutId,
      ],
    );
    return opened.valid_from;
  }

  async delete(tx: Transaction, workspace: string, at: { modelName: string; alias: string }): Promise<void> {
    const place = [workspace, at.modelName, at.alias];
    await tx.query('DELETE FROM aliases WHERE workspace = $1 AND model_name = $2 AND alias = $3', place);
    await this.close(tx, place, await this.nextTime(tx, place));
  }

  async history(
    db: Queryable,
    workspace: string,
    query: { modelName: string; alias: string; at?: Date },
  ): Promise<AliasInterval[]> {
    const rows = await db.query<IntervalRow>(
      `SELECT version, valid_from, valid_to, actor, reason, approval_id, forced, rollout_id FROM alias_history
       WHERE workspace = $1 AND model_name = $2 AND alias = $3
         AND ($4::timestamptz IS NULL OR (valid_from <= $4 AND (valid_to IS NULL OR valid_to > $4)))
       ORDER BY position DESC LIMIT 1000`,
      [workspace, query.modelName, query.alias, query.at ?? null],
    );
    return rows.map((row) => ({
      version: row.version,
      validFrom: row.valid_from,
      validTo: row.valid_to ?? undefined,
      actor: row.actor,
      reason: row.reason,
      approvalId: row.approval_id,
      forced: row.forced,
      rolloutId: row.rollout_id,
    }));
  }

  async movedByRollout(db: Queryable, workspace: string, modelName: string, rolloutId: string): Promise<boolean> {
    const rows = await db.query(
      'SELECT 1 FROM alias_history WHERE workspace = $1 AND model_name = $2 AND rollout_id = $3 LIMIT 1',
      [workspace, modelName, rolloutId],
    );
    return rows.length > 0;
  }

  async policy(db: Queryable, workspace: string, modelName: string, alias: string): Promise<AliasPolicy | undefined> {
    const [row] = await db.query<PolicyRow>(
      `SELECT alias, approvals_required, evidence FROM alias_policies WHERE workspace = $1 AND model_name = $2 AND alias = $3`,
      [workspace, modelName, alias],
    );
    return row && toPolicy(row);
  }

  async policies(db: Queryable, workspace: string, modelName: string): Promise<AliasPolicy[]> {
    const rows = await db.query<PolicyRow>(
      'SELECT alias, approvals_required, evidence FROM alias_policies WHERE workspace = $1 AND model_name = $2 ORDER BY alias',
      [workspace, modelName],
    );
    return rows.map(toPolicy);
  }

  async setPolicy(tx: Transaction, workspace: string, modelName: string, policy: AliasPolicy): Promise<void> {
    await tx.query(
      `INSERT INTO alias_policies (workspace, model_name, alias, approvals_required, evidence) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (workspace, model_name, alias) DO UPDATE
         SET approvals_required = excluded.approvals_required, evidence = excluded.evidence`,
      [workspace, modelName, policy.alias, policy.approvalsRequired, JSON.stringify(policy.evidence)],
    );
  }

  // As text: a Date would cut the microseconds off, and one interval would begin before the other ends.
  private async nextTime(tx: Transaction, place: string[]): Promise<string> {
    const [row] = await tx.query<{ time: string }>(
      `SELECT GREATEST(clock_timestamp(), (
         SELECT GREATEST(valid_from, valid_to) FROM alias_history
         WHERE workspace = $1 AND model_name = $2 AND alias = $3 ORDER BY position DESC LIMIT 1))::text AS time`,
      place,
    );
    return row.time;
  }

  private async close(tx: Transaction, place: string[], time: string): Promise<void> {
    await tx.query(
      `UPDATE alias_history SET valid_to = $4
       WHERE workspace = $1 AND model_name = $2 AND alias = $3 AND valid_to IS NULL`,
      [...place, time],
    );
  }
}

function toPolicy(row: PolicyRow): AliasPolicy {
  return { alias: row.alias, approvalsRequired: row.approvals_required, evidence: row.evidence };
}
