// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Deliveries that are over and the days of raters are deleted after RETENTION_DAYS, as inferences are: what is old is found by an index. */
export class IndexOldHistory1764590400008 implements MigrationInterface {
  readonly transaction = false; // a concurrent index cannot be built inside a transaction

  async up(runner: QueryRunner): Promise<void> {
    // A build that was broken off leaves an index that is not valid.
    await runner.query('drop index concurrently if exists webhook_deliveries_over');
    await runner.query(
      `create index concurrently webhook_deliveries_over on webhook_deliveries (update_time) where state <> 'pending'`,
    );
    await runner.query('drop index concurrently if exists rater_days_day');
    await runner.query('create index concurrently rater_days_day on rater_days (day)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index concurrently rater_days_day');
    await runner.query('drop index concurrently webhook_deliveries_over');
  }
}
