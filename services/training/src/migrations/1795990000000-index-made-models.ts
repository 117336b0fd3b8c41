// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a model was trained in a workspace is asked whenever a caller names one by its digest. */
export class IndexMadeModels1795990000000 implements MigrationInterface {
  readonly transaction = false; // a concurrent index cannot be built inside a transaction

  async up(runner: QueryRunner): Promise<void> {
    // A build that was broken off leaves an index that is not valid.
    await runner.query('drop index concurrently if exists jobs_made_model');
    await runner.query(
      `create index concurrently jobs_made_model on jobs (workspace, (result->>'modelManifestDigest'))
       where kind = 'fine-tune' and state = 'succeeded'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index concurrently jobs_made_model');
  }
}
