// SPDX-License-Identifier: Apache-2.0
import { eventLogMigrations, messagingMigrations } from '#libs/messaging';
import { persistenceMigrations } from '#libs/persistence';
import { CreateProfilesAndRecipes1795461600000 } from '../../services/data-prep/src/migrations/1795461600000-create-profiles-and-recipes';
import { CreateDeployments1763910000002 } from '../../services/gateway/src/migrations/1763910000002-create-deployments';
import { CreateMonitors1764590400003 } from '../../services/monitoring/src/migrations/1764590400003-create-monitors';
import { IndexDeliveriesByWorkspace1764590400007 } from '../../services/monitoring/src/migrations/1764590400007-index-deliveries-by-workspace';
import { migrations as trainingMigrations } from '../../services/training/src/migrations';
import { SERVICE_TABLES } from './service';
import { loadParser } from './sql/ast';
import { Schema } from './sql/schema';

/** The gateway's tables that the statements of deployments look at. */
const ENDPOINT_TABLES = `
  create table endpoints (workspace text not null, id text not null, model_name text not null, backend_url text not null, rollout_id text, serving_version int, pending_version int, wish int not null default -1, primary key (workspace, id));
  create table rollouts (workspace text not null, id text not null, control_version int, candidate_version int, primary key (workspace, id))`;

/** What jobs leave: marks on the way, and an outcome in the end. Neither table is unique, so that a double shows. */
const WORK_TABLES = `
  create table marks (number bigint generated always as identity primary key, job_id uuid not null);
  create table outcomes (number bigint generated always as identity primary key, job_id uuid not null, outcome text not null)`;

/** The alerts that were fired, as their deliveries were written. */
const FIRED_TABLE = 'create table fired (workspace text not null, alert_id text not null)';

export interface SqlTwist {
  /** Changes SQL text before it runs: how a mutation of the code looks to the database. */
  sql?: (sql: string) => string;
}

/** The databases of all worlds. */
export interface Schemas {
  service: Schema;
  log: Schema;
  intents: Schema;
  jobs: Schema;
  training: Schema;
  webhooks: Schema;
}

export async function loadSchemas(): Promise<Schemas> {
  await loadParser();
  return {
    service: await Schema.from([...persistenceMigrations, ...messagingMigrations], [SERVICE_TABLES]),
    log: await Schema.from(eventLogMigrations),
    intents: await Schema.from([CreateDeployments1763910000002], [ENDPOINT_TABLES]),
    jobs: await Schema.from([CreateProfilesAndRecipes1795461600000], [WORK_TABLES]),
    training: await Schema.from([...persistenceMigrations, ...messagingMigrations, ...trainingMigrations]),
    webhooks: await Schema.from([CreateMonitors1764590400003, IndexDeliveriesByWorkspace1764590400007], [FIRED_TABLE]),
  };
}
