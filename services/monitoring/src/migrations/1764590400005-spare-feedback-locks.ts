// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Reviews under way, apart from those asked for: feedback asks in its own transaction, and must not wait until a review ends. And room
 * in the pages of rows that change with every piece of feedback, so that a change needs no new index entries.
 */
export class SpareFeedbackLocks1764590400005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table rater_review_claims (workspace text primary key, lease_until timestamptz not null);
      alter table raters set (fillfactor = 70);
      alter table rater_days set (fillfactor = 70);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table rater_days reset (fillfactor);
      alter table raters reset (fillfactor);
      drop table rater_review_claims;
    `);
  }
}
