// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import {
  ProposalsRepository,
  type Candidate,
  type CandidateChoice,
  type Proposal,
  type ServedVersion,
} from './proposals.repository';
import type { ProposalPolicy } from './retraining-proposal';

const COLUMNS = `workspace, id, model_name as "modelName", endpoint, model_version as "modelVersion", state, reasons, corrections,
  pipeline_run_id as "pipelineRunId", resolve_reason as "resolveReason", create_time as "createTime", resolve_time as "resolveTime"`;

type ProposalRow = Omit<Proposal, 'corrections'> & { corrections: string };

function toProposal(row: ProposalRow): Proposal {
  return { ...row, corrections: Number(row.corrections) };
}

@Injectable()
export class TypeormProposals extends ProposalsRepository {
  async candidates(db: Queryable, { policy, after, rowsMax }: CandidateChoice): Promise<Candidate[]> {
    const rows = await db.query<Omit<Candidate, 'policy'> & ProposalPolicy>(
      `select f.workspace, f.model_name as "modelName", max(f.endpoint) as endpoint, count(*)::int as corrections,
         count(*) filter (where f.match_time <= t.review_time)::int as "reviewedCorrections",
         coalesce(own.corrections_min, $1) as "correctionsMin", coalesce(own.volume_min, $2) as "volumeMin"
       from feedback f left join rater_review_times t on t.workspace = f.workspace
         left join proposal_policies own on own.workspace = f.workspace and own.model_name = f.model_name
       where f.state = 'accepted' and f.correction <> ''
         and ($3::text is null or (f.workspace, f.model_name) > ($3, $4))
         and f.match_time > coalesce((select max(p.create_time) from proposals p
           where p.workspace = f.workspace and p.model_name = f.model_name and p.state = 'accepted'), '-infinity')
         and not exists (select 1 from proposals p
           where p.workspace = f.workspace and p.model_name = f.model_name and p.state = 'open')
       group by 1, 2, own.corrections_min, own.volume_min
       having count(*) >= least(coalesce(own.corrections_min, $1), coalesce(own.volume_min, $2))
       order by 1, 2 limit $5`,
      [policy.correctionsMin, policy.volumeMin, after?.workspace ?? null, after?.modelName ?? null, rowsMax],
    );
    return rows.map(({ correctionsMin, volumeMin, ...candidate }) => ({ ...candidate, policy: { correctionsMin, volumeMin } }));
  }

  async putPolicy(db: Queryable, workspace: string, modelName: string, policy: ProposalPolicy): Promise<void> {
    await db.query(
      `insert into proposal_policies (workspace, model_name, corrections_min, volume_min) values ($1, $2, $3, $4)
       on conflict (workspace, model_name) do update set corrections_min = excluded.corrections_min, volume_min = excluded.volume_min`,
      [workspace, modelName, policy.correctionsMin, policy.volumeMin],
    );
  }

  async servedVersion(db: Queryable, workspace: string, modelName: string, alias: string): Promise<number> {
    const [row] = await db.query<{ version: number }>(
      'select version from served_models where workspace = $1 and model_name = $2 and alias = $3',
      [workspace, modelName, alias],
    );
    return row?.version ?? 0;
  }

  async putServedVersion(db: Queryable, served: ServedVersion): Promise<void> {
    await db.query(
      `insert into served_models as s (workspace, model_name, alias, version, move_time, sequence) values ($1, $2, $3, $4, $5, $6)
       on conflict (workspace, model_name, alias) do update
         set version = excluded.version, move_time = excluded.move_time, sequence = excluded.sequence
         where s.sequence <= excluded.sequence or excluded.sequence = 0`,
      [served.workspace, served.modelName, served.alias, served.version, served.moveTime, served.sequence],
    );
  }

  async insert(db: Queryable, proposal: Proposal): Promise<boolean> {
    const rows = await db.query(
      `insert into proposals (workspace, id, model_name, endpoint, model_version, state, reasons, corrections, create_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (workspace, model_name) where state = 'open' do nothing returning id`,
      [
        proposal.workspace,
        proposal.id,
        proposal.modelName,
        proposal.endpoint,
        proposal.modelVersion,
        proposal.state,
        proposal.reasons,
        proposal.corrections,
        proposal.createTime,
      ],
    );
    return rows.length > 0;
  }

  lock(db: Queryable, workspace: string, id: string): Promise<Proposal | undefined> {
    return this.one(db, 'where workspace = $1 and id = $2 for update', [workspace, id]);
  }

  find(db: Queryable, workspace: string, id: string): Promise<Proposal | undefined> {
    return this.one(db, 'where workspace = $1 and id = $2', [workspace, id]);
  }

  async save(db: Queryable, proposal: Proposal): Promise<void> {
    await db.query(
      `update proposals set state = $3, pipeline_run_id = $4, resolve_reason = $5, resolve_time = $6
       where workspace = $1 and id = $2`,
      [proposal.workspace, proposal.id, proposal.state, proposal.pipelineRunId, proposal.resolveReason, proposal.resolveTime],
    );
  }

  async list(
    db: Queryable,
    filter: { workspace: string; state?: string; modelName?: string },
    page: { before?: string; size: number },
  ): Promise<Proposal[]> {
    const rows = await db.query<ProposalRow>(
      `select ${COLUMNS} from proposals where workspace = $1 and ($2::text is null or state = $2)
         and ($3::text is null or model_name = $3) and ($4::text is null or id < $4) order by id desc limit $5`,
      [filter.workspace, filter.state ?? null, filter.modelName ?? null, page.before ?? null, page.size],
    );
    return rows.map(toProposal);
  }

  private async one(db: Queryable, where: string, params: unknown[]): Promise<Proposal | undefined> {
    const [row] = await db.query<ProposalRow>(`select ${COLUMNS} from proposals ${where}`, params);
    return row && toProposal(row);
  }
}
