// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { decodePageToken, encodePageToken, type Queryable, type Transaction } from '#libs/persistence';
import type { Approval, ApprovalState, Vote } from './approval';
import { type ApprovalQuery, ApprovalsRepository } from './approvals.repository';

interface ApprovalRow {
  id: string;
  model_name: string;
  alias: string;
  version: number;
  state: ApprovalState;
  requested_by: string;
  reason: string;
  approvals_required: number;
  forced_rules: string[];
  pipeline_run_id: string;
  create_time: Date;
  expire_time: Date;
  update_time: Date;
  votes: { subject: string; approve: boolean; comment: string; vote_time: string }[] | null;
}

const COLUMNS = `a.id, a.model_name, a.alias, a.version, a.state, a.requested_by, a.reason, a.approvals_required, a.forced_rules,
  a.pipeline_run_id, a.create_time, a.expire_time, a.update_time,
  (SELECT jsonb_agg(to_jsonb(v) - 'workspace' - 'approval_id' ORDER BY v.vote_time) FROM approval_votes v
    WHERE v.workspace = a.workspace AND v.approval_id = a.id) AS votes`;

@Injectable()
export class ApprovalsTypeorm extends ApprovalsRepository {
  constructor(private readonly clock: Clock) {
    super();
  }

  async insert(tx: Transaction, workspace: string, approval: Approval): Promise<void> {
    await tx.query(
      `INSERT INTO approvals (workspace, id, model_name, alias, version, state, requested_by, reason, approvals_required,
         forced_rules, pipeline_run_id, create_time, expire_time, update_time)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
      [
        workspace,
        approval.id,
        approval.modelName,
        approval.alias,
        approval.version,
        approval.state,
        approval.requestedBy,
        approval.reason,
        approval.approvalsRequired,
        JSON.stringify(approval.forcedRules),
        approval.pipelineRunId,
        approval.createTime,
        approval.expireTime,
        approval.updateTime,
      ],
    );
  }

  async find(db: Queryable, workspace: string, id: string): Promise<Approval | undefined> {
    const [row] = await db.query<ApprovalRow>(`SELECT ${COLUMNS} FROM approvals a WHERE a.workspace = $1 AND a.id = $2`, [
      workspace,
      id,
    ]);
    return row && toApproval(row);
  }

  async lock(tx: Transaction, workspace: string, id: string): Promise<Approval | undefined> {
    await tx.query('SELECT 1 FROM approvals WHERE workspace = $1 AND id = $2 FOR NO KEY UPDATE', [workspace, id]);
    return this.find(tx, workspace, id);
  }

  async pending(db: Queryable, workspace: string, at: { modelName: string; alias: string }): Promise<Approval[]> {
    const rows = await db.query<ApprovalRow>(
      `SELECT ${COLUMNS} FROM approvals a WHERE a.workspace = $1 AND a.model_name = $2 AND a.alias = $3
         AND a.state = 'PENDING' ORDER BY a.create_time, a.id`,
      [workspace, at.modelName, at.alias],
    );
    return rows.map(toApproval);
  }

  async lockPending(tx: Transaction, workspace: string, modelName: string): Promise<Approval[]> {
    // A row that waits for another transaction is looked at again once that has ended: one that it closed is left out.
    const rows = await tx.query<ApprovalRow>(
      `SELECT ${COLUMNS} FROM approvals a WHERE a.workspace = $1 AND a.model_name = $2 AND a.state = 'PENDING'
       ORDER BY a.create_time, a.id FOR NO KEY UPDATE OF a`,
      [workspace, modelName],
    );
    return rows.map(toApproval);
  }

  async list(db: Queryable, workspace: string, query: ApprovalQuery): Promise<{ approvals: Approval[]; nextPageToken: string }> {
    const filter = ['approvals', workspace, query.modelName, query.state];
    const [time, id] = decodePageToken(query.pageToken, ['time', 'text'], filter) ?? [null, null];
    const now = this.clock.now();
    const rows = await db.query<ApprovalRow>(
      `SELECT ${COLUMNS} FROM approvals a WHERE a.workspace = $1 AND ($2 = '' OR a.model_name = $2)
         AND ($3::text IS NULL OR $3 = CASE WHEN a.state = 'PENDING' AND a.expire_time <= $4 THEN 'EXPIRED' ELSE a.state END)
         AND ($5::timestamptz IS NULL OR (a.create_time, a.id) < ($5::timestamptz, $6))
       ORDER BY a.create_time DESC, a.id DESC LIMIT $7`,
      [workspace, query.modelName, query.state ?? null, now, time, id, query.limit + 1],
    );
    const approvals = rows.slice(0, query.limit).map(toApproval);
    const last = approvals.at(-1);
    const more = rows.length > query.limit && last;
    return { approvals, nextPageToken: more ? encodePageToken([last.createTime, last.id], filter) : '' };
  }

  async addVote(tx: Transaction, workspace: string, id: string, vote: Vote): Promise<void> {
    await tx.query(
      `INSERT INTO approval_votes (workspace, approval_id, subject, approve, comment, vote_time) VALUES ($1, $2, $3, $4, $5, $6)`,
      [workspace, id, vote.subject, vote.approve, vote.comment, vote.voteTime],
    );
  }

  async setState(tx: Transaction, workspace: string, id: string, change: { state: ApprovalState; time: Date }): Promise<void> {
    await tx.query('UPDATE approvals SET state = $3, update_time = $4 WHERE workspace = $1 AND id = $2', [
      workspace,
      id,
      change.state,
      change.time,
    ]);
  }

  async nextEventVersion(tx: Transaction, workspace: string, id: string): Promise<number> {
    const [row] = await tx.query<{ event_version: string }>(
      'UPDATE approvals SET event_version = event_version + 1 WHERE workspace = $1 AND id = $2 RETURNING event_version',
      [workspace, id],
    );
    return Number(row.event_version);
  }

  async lockDue(tx: Transaction, except: readonly string[]): Promise<{ workspace: string; id: string } | undefined> {
    const [row] = await tx.query<{ workspace: string; id: string }>(
      `SELECT workspace, id FROM approvals WHERE state = 'PENDING' AND expire_time <= now() AND id <> ALL ($1)
       ORDER BY expire_time LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`,
      [except],
    );
    return row;
  }
}

function toApproval(row: ApprovalRow): Approval {
  return {
    id: row.id,
    modelName: row.model_name,
    alias: row.alias,
    version: row.version,
    state: row.state,
    requestedBy: row.requested_by,
    reason: row.reason,
    approvalsRequired: row.approvals_required,
    votes: (row.votes ?? []).map(({ vote_time, ...vote }) => ({ ...vote, voteTime: new Date(vote_time) })),
    forcedRules: row.forced_rules,
    pipelineRunId: row.pipeline_run_id,
    createTime: row.create_time,
    expireTime: row.expire_time,
    updateTime: row.update_time,
  };
}
