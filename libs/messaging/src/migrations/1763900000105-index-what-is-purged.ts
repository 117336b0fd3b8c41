// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is over its time was found by block ranges (BRIN). Once the pages of purged rows are used again each range goes from the oldest
 * time it ever held to now, so that a slice read the whole table: 800,000 rows to find nine, where this index reads four pages. Sent
 * events are found in the order of their position.
 */
export class IndexWhatIsPurged1763900000105 implements MigrationInterface {
  readonly transaction = false; // a concurrent index cannot be built inside a transaction

  async up(runner: QueryRunner): Promise<void> {
    // A build that was broken off leaves an index that is not valid.
    await runner.query('drop index concurrently if exists inbox_received');
    await runner.query('create index concurrently inbox_received on inbox (received_at)');
    await runner.query('drop index concurrently if exists inbox_received_at');
    await runner.query('drop index concurrently if exists outbox_published_at');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('create index outbox_published_at on outbox using brin (published_at)');
    await runner.query('create index inbox_received_at on inbox using brin (received_at)');
    await runner.query('drop index concurrently inbox_received');
  }
}
