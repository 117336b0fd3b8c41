// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = `
  create table rollouts (
    workspace text not null,
    id text not null,
    endpoint text not null,
    alias text not null,
    model_name text not null,
    control_version integer not null,
    candidate_version integer not null,
    metric text not null,
    policy jsonb not null,
    state text not null check (state in ('live', 'finished')),
    outcome text not null default '',
    step integer not null,
    looks_taken integer not null default 0,
    decided boolean not null default false,
    verdict_count bigint not null default 0,
    last_result jsonb not null default '{}',
    start_time timestamptz not null,
    end_time timestamptz,
    evaluate_time timestamptz not null default now(),
    primary key (workspace, id)
  );
  create index rollouts_due on rollouts (evaluate_time) where state = 'live' and not decided;
  create table rollout_steps (
    workspace text not null,
    rollout_id text not null,
    step integer not null,
    candidate_percent double precision not null,
    start_time timestamptz not null,
    primary key (workspace, rollout_id, step)
  );
  create table verdicts (
    workspace text not null,
    id text not null,
    rollout_id text not null,
    endpoint text not null,
    step integer not null,
    outcome text not null check (outcome in ('promote', 'rollback', 'hold')),
    look integer not null,
    reason text not null,
    evidence jsonb not null,
    decide_time timestamptz not null,
    primary key (workspace, id)
  );
  create index verdicts_rollout on verdicts (workspace, rollout_id, decide_time, id);

  create table served_models (
    workspace text not null,
    model_name text not null,
    alias text not null,
    version integer not null,
    move_time timestamptz not null,
    primary key (workspace, model_name, alias)
  );
  create table proposals (
    workspace text not null,
    id text not null,
    model_name text not null,
    endpoint text not null,
    model_version integer not null,
    state text not null check (state in ('open', 'accepted', 'refused', 'expired')),
    reasons text[] not null,
    corrections bigint not null,
    pipeline_run_id text not null default '',
    resolve_reason text not null default '',
    create_time timestamptz not null,
    resolve_time timestamptz,
    primary key (workspace, id)
  );
  create unique index proposals_one_open on proposals (workspace, model_name) where state = 'open';
  create index proposals_list on proposals (workspace, create_time, id);
  create table proposal_policies (
    workspace text not null,
    model_name text not null,
    corrections_min integer not null,
    volume_min integer not null,
    primary key (workspace, model_name)
  );
`;

/** Rollouts as the gateway runs them, the verdicts on them, retraining proposals. */
export class CreateRollouts1764590400004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table proposal_policies, proposals, served_models, verdicts, rollout_steps, rollouts');
  }
}
