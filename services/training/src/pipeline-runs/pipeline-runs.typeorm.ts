// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { ClaimedRun, PipelineRunRecord, RunFacts, RunOverrides, RunState, RunWork } from './pipeline-run';
import {
  type NewPipelineRun,
  PipelineRunsRepository,
  type RunChanges,
  type RunFilter,
  type RunKey,
} from './pipeline-runs.repository';

interface RunRow {
  workspace: string;
  id: string;
  pipeline_id: string;
  pipeline_name: string;
  state: RunState;
  reason: string;
  spec: PipelineRunRecord['spec'];
  overrides: RunOverrides;
  proposal_id: string;
  started_by: string;
  work: RunWork;
  facts: RunFacts;
  last_error: string;
  failures: number;
  version: string;
  lease_token: string;
  create_time: Date;
  end_time: Date | null;
  update_time: Date;
}

@Injectable()
export class PipelineRunsTypeorm extends PipelineRunsRepository {
  async insert(tx: Transaction, run: NewPipelineRun): Promise<PipelineRunRecord | undefined> {
    const rows = await tx.query<RunRow>(
      `insert into pipeline_runs (workspace, id, pipeline_id, pipeline_name, registered_model_name, alias, state, reason, spec,
         overrides, proposal_id, started_by)
       values ($1, $2, $3, $4, $5, $6, 'preparing', $7, $8, $9, $10, $11)
       on conflict (workspace, pipeline_id, proposal_id) where proposal_id <> '' do nothing returning *`,
      [
        run.workspace,
        run.id,
        run.pipelineId,
        run.pipelineName,
        run.spec.registeredModelName,
        run.spec.alias,
        run.reason,
        JSON.stringify(run.spec),
        JSON.stringify(run.overrides),
        run.proposalId,
        run.startedBy,
      ],
    );
    return rows[0] && toRun(rows[0]);
  }

  async find(db: Queryable, key: RunKey): Promise<PipelineRunRecord | undefined> {
    const rows = await db.query<RunRow>('select * from pipeline_runs where workspace = $1 and id = $2', [key.workspace, key.id]);
    return rows[0] && toRun(rows[0]);
  }

  async lock(tx: Transaction, key: RunKey): Promise<PipelineRunRecord | undefined> {
    const rows = await tx.query<RunRow>('select * from pipeline_runs where workspace = $1 and id = $2 for update', [
      key.workspace,
      key.id,
    ]);
    return rows[0] && toRun(rows[0]);
  }

  async list(
    db: Queryable,
    workspace: string,
    filter: RunFilter,
    page: { size: number; after?: { createTime: string; id: string } },
  ): Promise<PipelineRunRecord[]> {
    const rows = await db.query<RunRow>(
      `select * from pipeline_runs
       where workspace = $1 and ($2::text is null or pipeline_id = $2) and ($3::text is null or state = $3)
         and ($4::text is null or proposal_id = $4)
         and ($5::timestamptz is null or (create_time, id) < ($5::timestamptz, $6::text))
       order by create_time desc, id desc limit $7`,
      [
        workspace,
        filter.pipelineId ?? null,
        filter.state ?? null,
        filter.proposalId ?? null,
        page.after?.createTime ?? null,
        page.after?.id ?? null,
        page.size,
      ],
    );
    return rows.map(toRun);
  }

  async claim(db: Queryable, leaseSeconds: number): Promise<ClaimedRun | undefined> {
    const [row] = await db.query<RunRow & { claim_time: Date }>(
      `update pipeline_runs set lease_token = lease_token + 1, lease_until = now() + make_interval(secs => $1)
       where (workspace, id) in (
         select workspace, id from pipeline_runs
         where end_time is null and next_try_time <= now() and (lease_until is null or lease_until < now())
         order by next_try_time limit 1 for update skip locked)
       returning *, now() as claim_time`,
      [leaseSeconds],
    );
    return row && { ...toRun(row), claimTime: row.claim_time };
  }

  async save(tx: Transaction, run: PipelineRunRecord, changes: RunChanges): Promise<PipelineRunRecord> {
    // Facts that came in while the step was made call for another look at once.
    const rows = await tx.query<RunRow>(
      `update pipeline_runs set state = $3, reason = $4, work = $5, last_error = $6, failures = $7,
         next_try_time = case when facts = $8::jsonb then now() + make_interval(secs => $9) else now() end,
         end_time = case when $10 then now() end, lease_until = null, version = version + 1, update_time = now()
       where workspace = $1 and id = $2 returning *`,
      [
        run.workspace,
        run.id,
        changes.state,
        changes.reason,
        JSON.stringify(changes.work),
        changes.lastError,
        changes.failures,
        JSON.stringify(run.facts),
        changes.waitSeconds,
        changes.ended,
      ],
    );
    return toRun(rows[0]);
  }

  async addFacts(tx: Transaction, key: RunKey, facts: RunFacts): Promise<boolean> {
    const rows = await tx.query(
      `update pipeline_runs set facts = facts || $3::jsonb, model_version = coalesce(($3::jsonb ->> 'modelVersion')::integer, model_version),
         next_try_time = now(), version = version + 1, update_time = now()
       where workspace = $1 and id = $2 and end_time is null returning 1`,
      [key.workspace, key.id, JSON.stringify(facts)],
    );
    return rows.length > 0;
  }

  async findByVersion(
    tx: Transaction,
    workspace: string,
    version: { modelName: string; alias: string; modelVersion: number },
  ): Promise<RunKey[]> {
    return tx.query<RunKey>(
      `select workspace, id from pipeline_runs
       where workspace = $1 and registered_model_name = $2 and alias = $3 and model_version = $4 and end_time is null`,
      [workspace, version.modelName, version.alias, version.modelVersion],
    );
  }

  async countOpen(db: Queryable): Promise<{ state: RunState; retrying: boolean; count: number }[]> {
    const rows = await db.query<{ state: RunState; retrying: boolean; count: string }>(
      `select state, last_error <> '' as retrying, count(*) as count from pipeline_runs where end_time is null group by 1, 2`,
    );
    return rows.map((row) => ({ ...row, count: Number(row.count) }));
  }
}

function toRun(row: RunRow): PipelineRunRecord {
  return {
    workspace: row.workspace,
    id: row.id,
    pipelineId: row.pipeline_id,
    pipelineName: row.pipeline_name,
    state: row.state,
    reason: row.reason,
    spec: row.spec,
    overrides: row.overrides,
    proposalId: row.proposal_id,
    startedBy: row.started_by,
    work: row.work,
    facts: row.facts,
    lastError: row.last_error,
    failures: row.failures,
    version: Number(row.version),
    leaseToken: row.lease_token,
    createTime: row.create_time,
    endTime: row.end_time,
    updateTime: row.update_time,
  };
}
