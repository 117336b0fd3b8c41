// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rollouts; at most one runs per endpoint. */
export class CreateRollouts1763910000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table rollouts (
        workspace text not null,
        id uuid not null,
        endpoint text not null,
        model_name text not null,
        alias text not null,
        state text not null check (state in ('running', 'promoted', 'rolled-back', 'superseded')),
        control_version integer not null,
        control_digest text not null,
        candidate_version integer not null,
        candidate_digest text not null,
        steps jsonb not null,
        step integer not null,
        judgement jsonb not null,
        verdict_id text not null default '',
        actor text not null default '',
        reason text not null default '',
        sequence bigint not null default 1,
        start_time timestamptz not null,
        end_time timestamptz,
        primary key (workspace, id)
      );
      create unique index rollouts_one_running on rollouts (workspace, endpoint) where state = 'running';
      create index rollouts_list on rollouts (workspace, start_time desc, id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table rollouts');
  }
}
