// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Attempts, events and checkpoints of jobs. */
export class CreateJobHistory1795462250000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table job_attempts (
        workspace text not null,
        job_id text not null,
        number integer not null,
        state text not null check (state in ('running', 'succeeded', 'failed', 'cancelled', 'interrupted')),
        executor text not null,
        resumed_from_step bigint not null default 0,
        handle jsonb,
        progress_offset bigint not null default 0,
        error jsonb,
        start_time timestamptz not null default now(),
        end_time timestamptz,
        primary key (workspace, job_id, number),
        foreign key (workspace, job_id) references jobs (workspace, id)
      );

      create table job_events (
        workspace text not null,
        job_id text not null,
        sequence bigint not null,
        time timestamptz not null default now(),
        level text not null,
        type text not null,
        message text not null,
        data jsonb not null default '{}',
        primary key (workspace, job_id, sequence),
        foreign key (workspace, job_id) references jobs (workspace, id)
      );

      create table job_checkpoints (
        workspace text not null,
        job_id text not null,
        step bigint not null,
        attempt integer not null,
        manifest_digest text not null,
        create_time timestamptz not null default date_trunc('milliseconds', now()),
        primary key (workspace, job_id, step),
        foreign key (workspace, job_id) references jobs (workspace, id)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table job_checkpoints, job_events, job_attempts');
  }
}
