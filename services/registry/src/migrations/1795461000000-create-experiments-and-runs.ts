// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = `
CREATE TABLE experiment_counters (
  workspace text PRIMARY KEY,
  last_id bigint NOT NULL
);
CREATE TABLE experiments (
  workspace text NOT NULL,
  id bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  artifact_location text NOT NULL,
  lifecycle_stage text NOT NULL DEFAULT 'active' CHECK (lifecycle_stage IN ('active', 'deleted')),
  creation_ms bigint NOT NULL,
  last_update_ms bigint NOT NULL,
  PRIMARY KEY (workspace, id),
  UNIQUE (workspace, name)
);
CREATE INDEX experiments_newest ON experiments (workspace, creation_ms DESC, id);
CREATE TABLE experiment_tags (
  workspace text NOT NULL,
  experiment_id bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (workspace, experiment_id, key),
  FOREIGN KEY (workspace, experiment_id) REFERENCES experiments (workspace, id) ON DELETE CASCADE
);
CREATE TABLE runs (
  workspace text NOT NULL,
  id text COLLATE "C" NOT NULL,
  experiment_id bigint NOT NULL,
  name text COLLATE "C" NOT NULL,
  user_id text NOT NULL DEFAULT '',
  status text NOT NULL CHECK (status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),
  start_ms bigint NOT NULL DEFAULT 0,
  end_ms bigint,
  deleted_ms bigint,
  artifact_uri text NOT NULL,
  lifecycle_stage text NOT NULL DEFAULT 'active' CHECK (lifecycle_stage IN ('active', 'deleted')),
  PRIMARY KEY (workspace, id),
  FOREIGN KEY (workspace, experiment_id) REFERENCES experiments (workspace, id)
);
CREATE INDEX runs_newest ON runs (workspace, experiment_id, lifecycle_stage, start_ms DESC, id);
CREATE TABLE run_metrics (
  workspace text NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  step bigint NOT NULL,
  timestamp_ms bigint NOT NULL,
  value double precision NOT NULL,
  is_nan boolean NOT NULL DEFAULT false,
  PRIMARY KEY (workspace, run_id, key, step, timestamp_ms, value, is_nan),
  FOREIGN KEY (workspace, run_id) REFERENCES runs (workspace, id) ON DELETE CASCADE
);
CREATE TABLE latest_metrics (
  workspace text NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  step bigint NOT NULL,
  timestamp_ms bigint NOT NULL,
  value double precision NOT NULL,
  is_nan boolean NOT NULL DEFAULT false,
  PRIMARY KEY (workspace, run_id, key),
  FOREIGN KEY (workspace, run_id) REFERENCES runs (workspace, id) ON DELETE CASCADE
);
CREATE INDEX latest_metrics_by_value ON latest_metrics (workspace, key, value);
CREATE TABLE run_params (
  workspace text NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (workspace, run_id, key),
  FOREIGN KEY (workspace, run_id) REFERENCES runs (workspace, id) ON DELETE CASCADE
);
CREATE TABLE run_tags (
  workspace text NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (workspace, run_id, key),
  FOREIGN KEY (workspace, run_id) REFERENCES runs (workspace, id) ON DELETE CASCADE
);
-- Equality on a tag or a parameter is the usual filter; values are long, so the index keeps a prefix.
CREATE INDEX run_params_by_value ON run_params (workspace, key, left(value, 100));
CREATE INDEX run_tags_by_value ON run_tags (workspace, key, left(value, 100));
CREATE TABLE run_inputs (
  workspace text NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  digest text NOT NULL,
  source_type text NOT NULL,
  source text NOT NULL,
  schema text,
  profile text,
  context text,
  tags jsonb NOT NULL DEFAULT '[]',
  position bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (workspace, run_id, name, digest),
  FOREIGN KEY (workspace, run_id) REFERENCES runs (workspace, id) ON DELETE CASCADE
);`;

export class CreateExperimentsAndRuns1795461000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE run_inputs, run_tags, run_params, latest_metrics, run_metrics, runs, experiment_tags, experiments, experiment_counters',
    );
  }
}
