// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const up = `
CREATE TABLE registered_models (
  workspace text NOT NULL,
  name text COLLATE "C" NOT NULL,
  description text,
  creation_ms bigint NOT NULL,
  last_updated_ms bigint NOT NULL,
  -- Highest version number ever given; the row lock of this counter makes racing registrations queue up.
  last_version integer NOT NULL DEFAULT 0,
  -- Order of this model's facts on their topics.
  event_version bigint NOT NULL DEFAULT 0,
  revision bigint NOT NULL DEFAULT 1,
  -- Tag mlflow.prompt.is_prompt = 'true' on the model or on one of its versions: searches exclude such rows by default.
  is_prompt boolean NOT NULL DEFAULT false,
  PRIMARY KEY (workspace, name)
);
CREATE INDEX registered_models_no_prompt ON registered_models (workspace, name) WHERE NOT is_prompt;
CREATE TABLE registered_model_tags (
  workspace text NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (workspace, model_name, key),
  FOREIGN KEY (workspace, model_name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX registered_model_tags_by_value ON registered_model_tags (workspace, key, left(value, 100));
CREATE TABLE model_versions (
  workspace text NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  creation_ms bigint NOT NULL,
  last_updated_ms bigint NOT NULL,
  description text,
  user_id text,
  stage text NOT NULL DEFAULT 'None' CHECK (stage IN ('None', 'Staging', 'Production', 'Archived', 'Deleted_Internal')),
  source text NOT NULL,
  storage_location text NOT NULL,
  run_id text NOT NULL DEFAULT '',
  run_link text NOT NULL DEFAULT '',
  model_id text NOT NULL DEFAULT '',
  manifest_digest text NOT NULL DEFAULT '',
  job_id text NOT NULL DEFAULT '',
  pipeline_run_id text NOT NULL DEFAULT '',
  lineage jsonb,
  is_prompt boolean NOT NULL DEFAULT false,
  revision bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (workspace, model_name, version),
  FOREIGN KEY (workspace, model_name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX model_versions_newest ON model_versions (workspace, last_updated_ms DESC, model_name, version DESC);
CREATE INDEX model_versions_by_stage ON model_versions (workspace, model_name, stage, version DESC);
CREATE INDEX model_versions_by_run ON model_versions (workspace, run_id) WHERE run_id <> '';
CREATE INDEX model_versions_by_digest ON model_versions (workspace, manifest_digest) WHERE manifest_digest <> '';
CREATE UNIQUE INDEX model_versions_of_job ON model_versions (workspace, job_id) WHERE job_id <> '';
CREATE TABLE model_version_tags (
  workspace text NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (workspace, model_name, version, key),
  FOREIGN KEY (workspace, model_name, version) REFERENCES model_versions (workspace, model_name, version)
    ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX model_version_tags_by_value ON model_version_tags (workspace, key, left(value, 100));
CREATE TABLE evaluations (
  workspace text NOT NULL,
  manifest_digest text NOT NULL,
  slice text NOT NULL,
  metric text NOT NULL,
  evaluation_job_id text NOT NULL,
  value double precision NOT NULL,
  low double precision NOT NULL,
  high double precision NOT NULL,
  confidence double precision NOT NULL,
  rows bigint NOT NULL,
  dataset_version_id text NOT NULL,
  content_digest text NOT NULL,
  baselines jsonb NOT NULL DEFAULT '{}',
  scorer_version text NOT NULL,
  end_time timestamptz NOT NULL,
  PRIMARY KEY (workspace, manifest_digest, slice, metric, evaluation_job_id)
);`;

export class CreateModels1795461100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE evaluations, model_version_tags, model_versions, registered_model_tags, registered_models');
  }
}
