// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a topic keeps no longer was found by block ranges (BRIN), which reach from the oldest time they ever held to now once their pages
 * are used again: each look read the whole log. Topics keep their messages for different times, so each has its own order of age.
 */
export class IndexMessagesByAge1763900000202 implements MigrationInterface {
  readonly transaction = false; // a concurrent index cannot be built inside a transaction

  async up(runner: QueryRunner): Promise<void> {
    // A build that was broken off leaves an index that is not valid.
    await runner.query('drop index concurrently if exists messages_age');
    await runner.query('create index concurrently messages_age on messages (topic_id, written_at)');
    await runner.query('drop index concurrently if exists messages_written_at');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('create index messages_written_at on messages using brin (written_at)');
    await runner.query('drop index concurrently messages_age');
  }
}
