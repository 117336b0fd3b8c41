// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = `
  create table inferences (
    workspace text not null,
    id text not null,
    response_id text not null default '',
    endpoint text not null,
    model_name text not null,
    model_version integer not null,
    model_manifest_digest text not null,
    rollout_id text not null,
    arm text not null,
    user_hash text not null,
    status_code integer not null,
    error_code text not null,
    latency_ms double precision not null,
    prompt_tokens integer not null,
    completion_tokens integer not null,
    input_text text not null,
    output_text text not null,
    input_key text not null,
    request_time timestamptz not null,
    receive_time timestamptz not null default now(),
    primary key (workspace, id)
  );
  create index inferences_endpoint_time on inferences (workspace, endpoint, request_time, id);
  create index inferences_rollout on inferences (workspace, rollout_id, request_time) where rollout_id <> '';
  create index inferences_response on inferences (workspace, response_id) where response_id <> '';
  create index inferences_receive_time on inferences (receive_time);

  create table minute_rollups (
    workspace text not null,
    minute timestamptz not null,
    endpoint text not null,
    model_name text not null,
    model_version integer not null,
    arm text not null,
    requests bigint not null,
    failures bigint not null,
    prompt_tokens bigint not null,
    completion_tokens bigint not null,
    latency_ms_sum double precision not null,
    latency_ms_histogram integer[] not null,
    completion_tokens_histogram integer[] not null,
    primary key (workspace, endpoint, minute, model_name, model_version, arm)
  );

  -- Element-wise sum of two histograms of any lengths.
  create function add_histograms(a integer[], b integer[]) returns integer[] language sql immutable parallel safe as $$
    select coalesce(array_agg(coalesce(x, 0) + coalesce(y, 0) order by o), '{}')
    from unnest(a, b) with ordinality as t(x, y, o)
  $$;
`;

/** Finished requests as the gateway reported them, and their sums per minute. */
export class CreateInferences1764590400001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop table minute_rollups;
      drop table inferences;
      drop function add_histograms(integer[], integer[]);
    `);
  }
}
