// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = `
  create table monitors (
    workspace text not null,
    id text not null,
    name text not null,
    kind text not null check (kind in ('drift', 'quality', 'no_data')),
    endpoint text not null,
    model_name text not null,
    metric text not null default '',
    config jsonb not null,
    state text not null default 'unknown' check (state in ('unknown', 'no_data', 'ok', 'alert')),
    state_reason text not null default '',
    state_time timestamptz not null default now(),
    baseline jsonb not null default '{}',
    last_evaluation jsonb not null default '{}',
    observe_from timestamptz not null,
    evaluate_time timestamptz not null,
    version bigint not null default 1,
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now(),
    primary key (workspace, id),
    unique (workspace, name)
  );
  create index monitors_due on monitors (evaluate_time);
  create table monitor_reference_rows (
    workspace text not null,
    monitor_id text not null,
    ordinal integer not null,
    row_id text not null,
    input text not null,
    answer text not null,
    primary key (workspace, monitor_id, ordinal)
  );

  create table alerts (
    workspace text not null,
    id text not null,
    monitor_id text not null,
    kind text not null,
    severity text not null,
    model_name text not null,
    endpoint text not null,
    state text not null check (state in ('firing', 'resolved')),
    direction text not null,
    effect double precision not null,
    p_value double precision not null,
    summary text not null,
    details jsonb not null,
    sample_inference_ids text[] not null,
    start_time timestamptz not null,
    end_time timestamptz,
    resolve_reason text not null default '',
    primary key (workspace, id)
  );
  create unique index alerts_one_firing on alerts (workspace, monitor_id) where state = 'firing';
  create index alerts_list on alerts (workspace, start_time, id);

  create table webhooks (
    workspace text not null,
    id text not null,
    name text not null,
    url text not null,
    send_resolved boolean not null,
    create_time timestamptz not null default now(),
    primary key (workspace, id),
    unique (workspace, name)
  );
  create table webhook_deliveries (
    workspace text not null,
    id text not null,
    webhook_id text not null,
    alert_id text not null,
    url text not null,
    body jsonb not null,
    state text not null check (state in ('pending', 'delivered', 'failed')),
    attempts integer not null default 0,
    attempt_time timestamptz not null default now(),
    fence bigint not null default 0,
    status_code integer not null default 0,
    last_error text not null default '',
    create_time timestamptz not null default now(),
    update_time timestamptz not null default now(),
    primary key (workspace, id)
  );
  create index webhook_deliveries_due on webhook_deliveries (attempt_time) where state = 'pending';
`;

/** Monitors, their alerts, and webhook deliveries as intents. */
export class CreateMonitors1764590400003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table webhook_deliveries, webhooks, alerts, monitor_reference_rows, monitors');
  }
}
