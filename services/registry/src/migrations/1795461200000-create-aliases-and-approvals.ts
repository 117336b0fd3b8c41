// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = `
CREATE TABLE aliases (
  workspace text NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  alias text NOT NULL,
  version integer NOT NULL,
  PRIMARY KEY (workspace, model_name, alias),
  FOREIGN KEY (workspace, model_name, version) REFERENCES model_versions (workspace, model_name, version)
    ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX aliases_of_version ON aliases (workspace, model_name, version);
-- Intervals: what an alias pointed to at time T is the row with valid_from <= T < valid_to. Outlives the model on purpose.
CREATE TABLE alias_history (
  workspace text NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  alias text NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  version integer NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  actor text NOT NULL,
  reason text NOT NULL,
  approval_id text NOT NULL DEFAULT '',
  forced boolean NOT NULL DEFAULT false,
  rollout_id text NOT NULL DEFAULT '',
  PRIMARY KEY (workspace, model_name, alias, position)
);
CREATE UNIQUE INDEX alias_history_open ON alias_history (workspace, model_name, alias) WHERE valid_to IS NULL;
-- One rollout moves an alias back once, however often its event arrives.
CREATE UNIQUE INDEX alias_history_rollout ON alias_history (workspace, model_name, alias, rollout_id) WHERE rollout_id <> '';
CREATE TABLE alias_policies (
  workspace text NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  alias text NOT NULL,
  approvals_required integer NOT NULL,
  evidence jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (workspace, model_name, alias),
  FOREIGN KEY (workspace, model_name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE approvals (
  workspace text NOT NULL,
  id text COLLATE "C" NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  alias text NOT NULL,
  version integer NOT NULL,
  state text NOT NULL CHECK (state IN ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'CANCELLED')),
  requested_by text NOT NULL,
  reason text NOT NULL,
  approvals_required integer NOT NULL,
  forced_rules jsonb NOT NULL DEFAULT '[]',
  pipeline_run_id text NOT NULL DEFAULT '',
  event_version bigint NOT NULL DEFAULT 0,
  create_time timestamptz NOT NULL,
  expire_time timestamptz NOT NULL,
  update_time timestamptz NOT NULL,
  PRIMARY KEY (workspace, id)
);
CREATE INDEX approvals_newest ON approvals (workspace, create_time DESC, id DESC);
CREATE INDEX approvals_due ON approvals (expire_time) WHERE state = 'PENDING';
CREATE UNIQUE INDEX approvals_pending ON approvals (workspace, model_name, alias, version) WHERE state = 'PENDING';
CREATE TABLE approval_votes (
  workspace text NOT NULL,
  approval_id text NOT NULL,
  subject text NOT NULL,
  approve boolean NOT NULL,
  comment text NOT NULL,
  vote_time timestamptz NOT NULL,
  PRIMARY KEY (workspace, approval_id, subject),
  FOREIGN KEY (workspace, approval_id) REFERENCES approvals (workspace, id) ON DELETE CASCADE
);`;

export class CreateAliasesAndApprovals1795461200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE approval_votes, approvals, alias_policies, alias_history, aliases');
  }
}
