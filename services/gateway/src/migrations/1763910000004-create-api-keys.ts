// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** API keys: only the hash of the secret is kept. */
export class CreateApiKeys1763910000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table api_keys (
        workspace text not null,
        id uuid not null,
        name text not null,
        prefix text not null,
        secret_hash text not null unique,
        created_by text not null,
        create_time timestamptz not null default now(),
        revoke_time timestamptz,
        primary key (workspace, id)
      );
      create index api_keys_list on api_keys (workspace, create_time desc, id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table api_keys');
  }
}
