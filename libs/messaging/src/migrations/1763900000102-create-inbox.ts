// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Events whose effect is in this database, by consumer; written in the transaction of the effect. Not tenant data: ids only. */
export class CreateInbox1763900000102 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table inbox (
        consumer text not null,
        event_key text not null,
        received_at timestamptz not null default now(),
        primary key (consumer, event_key)
      );
      create index inbox_received_at on inbox using brin (received_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table inbox');
  }
}
