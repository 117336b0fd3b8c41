// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Messages that a consumer could not handle, with all that is needed to handle them later. Nothing is dropped without a reason. */
export class CreateDeadLetters1763900000103 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table dead_letters (
        workspace text not null,
        id uuid primary key,
        consumer text not null,
        topic text not null,
        partition int not null,
        message_offset bigint not null,
        key text,
        headers jsonb not null,
        payload bytea,
        message_time timestamptz not null,
        event_id text not null,
        event_type text not null,
        code text not null,
        message text not null,
        attempts int not null,
        first_at timestamptz not null default now(),
        last_at timestamptz not null default now(),
        build text not null,
        state text not null default 'open' check (state in ('open', 'replaying', 'replayed', 'dropped')),
        resolved_at timestamptz,
        reason text,
        unique (consumer, topic, partition, message_offset)
      );
      create index dead_letters_open on dead_letters (last_at, id) where state = 'open';
      create index dead_letters_replaying on dead_letters (consumer, first_at) where state = 'replaying';
      create index dead_letters_workspace on dead_letters (workspace, last_at);

      create table consumer_progress (
        consumer text not null,
        topic text not null,
        partition int not null,
        message_offset bigint not null,
        starts int not null default 1,
        primary key (consumer, topic, partition)
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table consumer_progress; drop table dead_letters');
  }
}
