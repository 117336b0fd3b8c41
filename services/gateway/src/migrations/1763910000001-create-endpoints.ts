// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Endpoints, and the single row whose revision tells every replica that routing changed. */
export class CreateEndpoints1763910000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table routing_state (
        only_row boolean primary key default true check (only_row),
        revision bigint not null default 0,
        user_hash_key bytea check (octet_length(user_hash_key) >= 32)
      );
      insert into routing_state default values;

      create table endpoints (
        workspace text not null,
        name text not null,
        model_name text not null,
        alias text,
        pinned_version integer,
        backend_url text not null,
        capture_bytes_max integer not null,
        timeout_seconds integer not null,
        rules jsonb not null,
        serving_version integer,
        serving_digest text,
        pending_version integer,
        pending_digest text,
        pending_direct boolean not null default false,
        rollout_id uuid,
        alias_sequence bigint not null default 0,
        resolve_due_at timestamptz,
        resolve_attempts integer not null default 0,
        problem text not null default '',
        revision bigint not null default 1,
        create_time timestamptz not null default now(),
        update_time timestamptz not null default now(),
        primary key (workspace, name),
        check ((alias is null) <> (pinned_version is null)),
        check ((serving_version is null) = (serving_digest is null)),
        check ((pending_version is null) = (pending_digest is null)),
        check (rollout_id is null or serving_version is not null)
      );
      create index endpoints_model on endpoints (workspace, model_name, alias);
      create index endpoints_resolve_due on endpoints (resolve_due_at) where resolve_due_at is not null;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table endpoints; drop table routing_state;');
  }
}
