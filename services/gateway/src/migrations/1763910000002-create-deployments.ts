// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Intents to load versions on backends; due_at is when the sweeper looks at the row next. */
export class CreateDeployments1763910000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table deployments (
        workspace text not null,
        id text not null,
        backend_url text not null,
        model_name text not null,
        version integer not null,
        manifest_digest text not null,
        state text not null check (state in ('pending', 'loading', 'ready', 'failed', 'draining', 'unloaded')),
        attempts integer not null default 0,
        problem text not null default '',
        due_at timestamptz,
        lease_token bigint not null default 0,
        lease_expires_at timestamptz,
        create_time timestamptz not null default now(),
        update_time timestamptz not null default now(),
        primary key (workspace, id, backend_url)
      );
      create index deployments_due on deployments (due_at) where due_at is not null;
      create index deployments_list on deployments (workspace, create_time desc, id, backend_url);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table deployments');
  }
}
