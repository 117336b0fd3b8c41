// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Pipelines (the policy of the loop) and their runs. */
export class CreatePipelines1795462300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table pipelines (
        workspace text not null,
        id text not null,
        name text not null,
        registered_model_name text not null,
        spec jsonb not null,
        version bigint not null default 1,
        create_time timestamptz not null default date_trunc('milliseconds', now()),
        update_time timestamptz not null default now(),
        primary key (workspace, id),
        unique (workspace, name)
      );
      create index pipelines_model on pipelines (workspace, registered_model_name);

      create table pipeline_runs (
        workspace text not null,
        id text not null,
        pipeline_id text not null,
        pipeline_name text not null,
        registered_model_name text not null,
        alias text not null,
        state text not null,
        reason text not null default '',
        spec jsonb not null,
        overrides jsonb not null,
        proposal_id text not null default '',
        started_by text not null,
        work jsonb not null default '{}',
        facts jsonb not null default '{}',
        model_version integer not null default 0,
        last_error text not null default '',
        failures integer not null default 0,
        version bigint not null default 1,
        next_try_time timestamptz not null default now(),
        lease_token bigint not null default 0,
        lease_until timestamptz,
        create_time timestamptz not null default date_trunc('milliseconds', now()),
        end_time timestamptz,
        update_time timestamptz not null default now(),
        primary key (workspace, id),
        foreign key (workspace, pipeline_id) references pipelines (workspace, id)
      );
      create index pipeline_runs_list on pipeline_runs (workspace, create_time desc, id desc);
      create index pipeline_runs_due on pipeline_runs (next_try_time) where end_time is null;
      create index pipeline_runs_model on pipeline_runs (workspace, registered_model_name, model_version) where end_time is null;
      create unique index pipeline_runs_proposal on pipeline_runs (workspace, pipeline_id, proposal_id) where proposal_id <> '';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table pipeline_runs, pipelines');
  }
}
