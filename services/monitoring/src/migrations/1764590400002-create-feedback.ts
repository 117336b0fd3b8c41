// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

const TABLES = `
  create table feedback (
    workspace text not null,
    id text not null,
    source text not null,
    source_id text not null,
    inference_id text not null,
    state text not null check (state in ('unmatched', 'accepted', 'capped', 'rejected', 'retracted')),
    state_reason text not null default '',
    metric text not null,
    value jsonb not null,
    good boolean,
    correction text not null default '',
    impossible boolean not null default false,
    comment text not null default '',
    rater_hash text not null,
    rater_kind text not null,
    occurred_time timestamptz not null,
    receive_time timestamptz not null default now(),
    match_time timestamptz,
    endpoint text not null default '',
    model_name text not null default '',
    model_version integer not null default 0,
    rollout_id text not null default '',
    arm text not null default '',
    input_text text not null default '',
    output_text text not null default '',
    input_key text not null default '',
    request_time timestamptz,
    primary key (workspace, id),
    unique (workspace, source, source_id)
  );
  create index feedback_inference on feedback (workspace, inference_id);
  create index feedback_unmatched on feedback (receive_time) where state = 'unmatched';
  create index feedback_rater on feedback (workspace, rater_hash, receive_time);
  create index feedback_endpoint on feedback (workspace, endpoint, metric, match_time) where state = 'accepted';
  create index feedback_model on feedback (workspace, model_name, match_time) where state = 'accepted' and correction <> '';
  create index feedback_rollout on feedback (workspace, rollout_id, metric) where rollout_id <> '' and state = 'accepted';

  create table raters (
    workspace text not null,
    rater_hash text not null,
    kind text not null,
    state text not null default 'trusted' check (state in ('trusted', 'watched', 'quarantined')),
    reason text not null default '',
    evidence jsonb not null default '{}',
    feedback_count bigint not null default 0,
    version bigint not null default 0,
    state_time timestamptz not null default now(),
    create_time timestamptz not null default now(),
    primary key (workspace, rater_hash)
  );
  create table rater_days (
    workspace text not null,
    rater_hash text not null,
    day date not null,
    feedback_count integer not null,
    primary key (workspace, rater_hash, day)
  );
  -- Workspaces whose raters changed since they were last judged.
  create table rater_reviews (workspace text primary key, due_time timestamptz not null);
  create table rater_review_times (workspace text primary key, review_time timestamptz not null);

  create table metrics (
    workspace text not null,
    name text not null,
    good_values jsonb not null default '[]',
    good_at_least double precision,
    labels text[] not null default '{}',
    update_time timestamptz not null default now(),
    primary key (workspace, name)
  );
  create table known_answers (
    workspace text not null,
    input_key text not null,
    answer text not null,
    primary key (workspace, input_key)
  );
`;

/** Feedback, the people who give it, and what its metrics and labels may be. */
export class CreateFeedback1764590400002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(TABLES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table known_answers, metrics, rater_review_times, rater_reviews, rater_days, raters, feedback');
  }
}
