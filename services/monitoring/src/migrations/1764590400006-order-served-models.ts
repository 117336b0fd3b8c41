// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which move of an alias is the last one is said by its number: the clock of the registry may go back. */
export class OrderServedModels1764590400006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table served_models add column sequence bigint not null default 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table served_models drop column sequence');
  }
}
