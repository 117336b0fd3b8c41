// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Events waiting to be sent, and those sent in the last days. Columns are shaped like Debezium's outbox router, so that change data
 * capture can take the relay's place. `position` orders the events of one aggregate (its row lock does); it is no cursor.
 */
export class CreateOutbox1763900000101 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table outbox (
        workspace text not null,
        position bigint generated always as identity primary key,
        id uuid not null unique,
        topic text not null,
        aggregatetype text not null,
        aggregateid text not null,
        type text not null,
        payload text not null,
        headers jsonb not null,
        created_at timestamptz not null default now(),
        published_at timestamptz
      );
      create index outbox_unpublished on outbox (position) where published_at is null;
      create index outbox_published_at on outbox using brin (published_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table outbox');
  }
}
