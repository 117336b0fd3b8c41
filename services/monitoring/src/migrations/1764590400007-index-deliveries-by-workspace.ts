// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Deliveries are taken a workspace after the other, so that one with very many of them is not in the way of others. The index over all
 * of them stays for processes of the release before.
 */
export class IndexDeliveriesByWorkspace1764590400007 implements MigrationInterface {
  readonly transaction = false; // a concurrent index cannot be built inside a transaction

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `create index concurrently webhook_deliveries_due_by_workspace on webhook_deliveries (workspace, attempt_time)
       where state = 'pending'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index concurrently webhook_deliveries_due_by_workspace');
  }
}
