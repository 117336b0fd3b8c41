// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = `
-- Where the facts of a name ended when its model was deleted or got another name: consumers pass over a fact with a lower number.
CREATE TABLE retired_model_names (
  workspace text NOT NULL,
  name text COLLATE "C" NOT NULL,
  event_version bigint NOT NULL,
  PRIMARY KEY (workspace, name)
);`;

export class KeepNumbersOfRetiredNames1795461400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE retired_model_names');
  }
}
