// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Every service keeps its own list of the workspaces it has seen (auto) or was told of (explicit). */
export class CreateWorkspaces1763900000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table workspaces (
        name text primary key,
        display_name text not null default '',
        created_at timestamptz not null default now()
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table workspaces');
  }
}
