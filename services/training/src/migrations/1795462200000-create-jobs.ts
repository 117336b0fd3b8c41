// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Fine-tune and evaluation jobs, and their queue. */
export class CreateJobs1795462200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table jobs (
        workspace text not null,
        id text not null,
        kind text not null check (kind in ('fine-tune', 'evaluation')),
        state text not null check (state in ('validating', 'queued', 'running', 'succeeded', 'failed', 'cancelled')),
        priority integer not null default 0,
        spec jsonb not null,
        inputs jsonb not null,
        model_digest text not null,
        model_name text not null default '',
        attempts integer not null default 0,
        failures integer not null default 0,
        progress jsonb,
        cancel jsonb,
        result jsonb,
        error jsonb,
        pipeline_run_id text not null default '',
        submitted_by text not null,
        version bigint not null default 1,
        next_attempt_time timestamptz not null default now(),
        lease_owner text not null default '',
        lease_token bigint not null default 0,
        lease_until timestamptz,
        event_sequence bigint not null default 0,
        create_time timestamptz not null default date_trunc('milliseconds', now()),
        start_time timestamptz,
        end_time timestamptz,
        update_time timestamptz not null default now(),
        primary key (workspace, id)
      );
      create index jobs_list on jobs (workspace, kind, create_time desc, id desc);
      create index jobs_pipeline_run on jobs (workspace, pipeline_run_id) where pipeline_run_id <> '';
      create index jobs_model on jobs (workspace, model_digest) where kind = 'evaluation';
      create index jobs_queue on jobs (priority desc, create_time) where state = 'queued';
      create index jobs_active on jobs (lease_until) where state in ('validating', 'running');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table jobs');
  }
}
