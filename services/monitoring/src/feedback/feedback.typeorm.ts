// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { CommonErrors } from '#libs/errors';
import type { Queryable } from '#libs/persistence';
import {
  FeedbackRepository,
  type AttributedFeedback,
  type Feedback,
  type FeedbackFilter,
  type FeedbackSummary,
  type FeedbackTexts,
  type NewFeedback,
  type RaterStanding,
  type RaterTally,
  type Taken,
} from './feedback.repository';
import type { FeedbackValue } from './feedback-draft';
import { attribute, FEEDBACK_COLUMNS, FITTING_FEEDBACK_COLUMNS, INSERT_FEEDBACK, textBytesOf } from './feedback-statements';
import type { MetricDefinition } from './metric-definition';

interface MetricRow {
  workspace: string;
  name: string;
  good_values: FeedbackValue[];
  good_at_least: number | null;
  labels: string[];
}

/** An answer carries back what its request brought as well. */
const ANSWER_TEXT_BYTES_MAX = 1024 * 1024;

type Stored = Pick<AttributedFeedback, 'id' | 'state' | 'inferenceId' | 'textBytes' | Taken>;

// Field by field: spreading two objects of this size costs as much as parsing the event did.
function attributed(row: NewFeedback, stored: Stored): AttributedFeedback {
  return {
    workspace: row.workspace,
    id: row.id,
    inferenceId: stored.inferenceId,
    state: stored.state,
    stateReason: row.stateReason,
    metric: row.metric,
    value: row.value,
    correction: row.correction,
    raterHash: row.raterHash,
    raterKind: row.raterKind,
    occurredTime: row.occurredTime,
    endpoint: stored.endpoint,
    modelName: stored.modelName,
    modelVersion: stored.modelVersion,
    rolloutId: stored.rolloutId,
    arm: stored.arm,
    inputText: stored.inputText,
    outputText: stored.outputText,
    textBytes: stored.textBytes,
  };
}

function toMetric(row: MetricRow): MetricDefinition {
  return { name: row.name, goodValues: row.good_values, goodAtLeast: row.good_at_least, labels: row.labels };
}

@Injectable()
export class TypeormFeedback extends FeedbackRepository {
  async metrics(db: Queryable, workspaces: readonly string[]): Promise<Map<string, MetricDefinition>> {
    const rows = await db.query<MetricRow>('select * from metrics where workspace = any($1)', [workspaces]);
    return new Map(rows.map((row) => [`${row.workspace}/${row.name}`, toMetric(row)]));
  }

  async putMetric(db: Queryable, workspace: string, metric: MetricDefinition): Promise<void> {
    await db.query(
      `insert into metrics (workspace, name, good_values, good_at_least, labels) values ($1, $2, $3, $4, $5)
       on conflict (workspace, name) do update set good_values = excluded.good_values, good_at_least = excluded.good_at_least,
         labels = excluded.labels, update_time = now()`,
      [workspace, metric.name, JSON.stringify(metric.goodValues), metric.goodAtLeast, metric.labels],
    );
  }

  async listMetrics(db: Queryable, workspace: string): Promise<MetricDefinition[]> {
    return (await db.query<MetricRow>('select * from metrics where workspace = $1 order by name', [workspace])).map(toMetric);
  }

  // One statement for all of it, so that a row is written once, in its final state: an update would write it and its index entries
  // again. Concurrent repeats wait for each other at the unique key.
  async insert(db: Queryable, rows: readonly NewFeedback[]): Promise<AttributedFeedback[]> {
    const column = <K extends keyof NewFeedback>(name: K): NewFeedback[K][] => rows.map((row) => row[name]);
    const inserted = await db.query<Stored>(INSERT_FEEDBACK, [
      column('workspace'),
      column('id'),
      column('source'),
      column('sourceId'),
      column('inferenceId'),
      column('state'),
      column('stateReason'),
      column('metric'),
      rows.map((row) => JSON.stringify(row.value)),
      column('good'),
      column('correction'),
      column('impossible'),
      column('comment'),
      column('raterHash'),
      column('raterKind'),
      rows.map((row) => row.occurredTime.toISOString()),
    ]);
    const stored = new Map(inserted.map((row) => [row.id, row]));
    const fresh: AttributedFeedback[] = [];
    for (const row of rows) {
      const now = stored.get(row.id);
      if (now) fresh.push(attributed(row, now));
    }
    return fresh;
  }

  async refuse(db: Queryable, rows: readonly AttributedFeedback[]): Promise<void> {
    if (rows.length === 0) return;
    await db.query(
      `update feedback f set state = t.state, state_reason = t.reason
       from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as t (workspace, id, state, reason)
       where f.workspace = t.workspace and f.id = t.id`,
      [
        rows.map((row) => row.workspace),
        rows.map((row) => row.id),
        rows.map((row) => row.state),
        rows.map((row) => row.stateReason),
      ],
    );
  }

  async findBySource(db: Queryable, keys: { workspace: string; source: string; sourceIds: string[] }): Promise<Feedback[]> {
    return db.query<Feedback>(
      `select ${FITTING_FEEDBACK_COLUMNS} from (
         select f.*, row_number() over (order by f.id) as n, sum(${textBytesOf('f')}) over (order by f.id) as through
         from feedback f where f.workspace = $2 and f.source = $3 and f.source_id = any($4)) f`,
      [ANSWER_TEXT_BYTES_MAX, keys.workspace, keys.source, keys.sourceIds],
    );
  }

  async attributeByInference(db: Queryable, keys: readonly { workspace: string; id: string }[]): Promise<AttributedFeedback[]> {
    if (keys.length === 0) return [];
    const rows = await db.query<AttributedFeedback>(
      attribute('(f.workspace, f.inference_id) in (select * from unnest($1::text[], $2::text[]))'),
      [keys.map((key) => key.workspace), keys.map((key) => key.id)],
    );
    return inOrder(rows);
  }

  async attributeLeftOver(db: Queryable, choice: { seconds: number; rowsMax: number }): Promise<AttributedFeedback[]> {
    const rows = await db.query<AttributedFeedback>(
      attribute(
        'f.receive_time > now() - make_interval(secs => $1)',
        'order by f.receive_time desc limit $2 for update of f skip locked',
      ),
      [choice.seconds, choice.rowsMax],
    );
    return inOrder(rows);
  }

  async texts(db: Queryable, rows: readonly AttributedFeedback[]): Promise<Map<string, FeedbackTexts>> {
    if (rows.length === 0) return new Map();
    const found = await db.query<FeedbackTexts & { id: string }>(
      `select f.id, f.input_text as "inputText", f.output_text as "outputText"
       from unnest($1::text[], $2::text[]) as t (workspace, id) join feedback f using (workspace, id)`,
      [rows.map((row) => row.workspace), rows.map((row) => row.id)],
    );
    return new Map(found.map(({ id, ...texts }) => [id, texts]));
  }

  async settle(db: Queryable, rows: readonly AttributedFeedback[]): Promise<void> {
    const settled = await db.query(
      `update feedback f set state = t.state, state_reason = t.reason, match_time = clock_timestamp(), inference_id = i.id,
         endpoint = i.endpoint, model_name = i.model_name, model_version = i.model_version, rollout_id = i.rollout_id, arm = i.arm,
         input_text = i.input_text, output_text = i.output_text, input_key = i.input_key, request_time = i.request_time
       from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) as t (workspace, id, state, reason, inference_id)
         join inferences i on i.workspace = t.workspace and i.id = t.inference_id
       where f.workspace = t.workspace and f.id = t.id and f.state = 'unmatched' returning 1`,
      [
        rows.map((row) => row.workspace),
        rows.map((row) => row.id),
        rows.map((row) => row.state),
        rows.map((row) => row.stateReason),
        rows.map((row) => row.inferenceId),
      ],
    );
    // The rows are locked, but an inference may be pruned between the join and this: then all of it is done again without it.
    if (settled.length !== rows.length)
      throw CommonErrors.UNAVAILABLE('an inference went away while feedback was joined to it', {
        joined: rows.length,
        settled: settled.length,
      });
  }

  // Who holds a rater's row holds the rater's day as well: only the first lock can wait. A part that nothing reads is done last, so the
  // review's key is locked after the raters.
  async addRaters(
    db: Queryable,
    counts: readonly RaterTally[],
    when: { day: string; reviewSeconds: number },
  ): Promise<RaterStanding[]> {
    const rows = await db.query<Omit<RaterStanding, 'version'> & { version: string }>(
      `with t as (select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as t (workspace, rater_hash, kind, added)),
       standing as (
         insert into raters as r (workspace, rater_hash, kind, feedback_count, version)
         select workspace, rater_hash, kind, added, added from t
         on conflict (workspace, rater_hash) do update set feedback_count = r.feedback_count + excluded.feedback_count,
           version = r.version + excluded.version
         returning r.workspace, r.rater_hash, r.state, r.version),
       today as (
         insert into rater_days as d (workspace, rater_hash, day, feedback_count)
         select s.workspace, s.rater_hash, $5::date, t.added from standing s join t using (workspace, rater_hash)
         where s.state <> 'quarantined'
         on conflict (workspace, rater_hash, day) do update set feedback_count = d.feedback_count + excluded.feedback_count
         returning d.workspace, d.rater_hash, d.feedback_count),
       review as (
         insert into rater_reviews (workspace, due_time)
         select distinct workspace, now() + make_interval(secs => $6) from standing where state <> 'quarantined'
         on conflict (workspace) do nothing)
       select s.workspace, s.rater_hash as "raterHash", s.state, s.version, coalesce(d.feedback_count, 0) as "dayCount"
       from standing s left join today d using (workspace, rater_hash)`,
      [
        counts.map((each) => each.workspace),
        counts.map((each) => each.raterHash),
        counts.map((each) => each.kind),
        counts.map((each) => each.added),
        when.day,
        when.reviewSeconds,
      ],
    );
    return rows.map((row) => ({ ...row, version: Number(row.version) }));
  }

  async find(db: Queryable, workspace: string, id: string): Promise<Feedback | undefined> {
    const [row] = await db.query<Feedback>(`select ${FEEDBACK_COLUMNS} from feedback f where f.workspace = $1 and f.id = $2`, [
      workspace,
      id,
    ]);
    return row;
  }

  async list(db: Queryable, filter: FeedbackFilter, page: { after?: string; size: number }): Promise<Feedback[]> {
    return db.query<Feedback>(
      `select ${FEEDBACK_COLUMNS} from feedback f
       where f.workspace = $1 and ($2::text is null or f.state = $2) and ($3::text is null or f.inference_id = $3)
         and ($4::text is null or f.rater_hash = $4) and ($5::text is null or f.model_name = $5)
         and ($6::text is null or f.id < $6)
       order by f.id desc limit $7`,
      [
        filter.workspace,
        filter.state ?? null,
        filter.inferenceId ?? null,
        filter.raterHash ?? null,
        filter.modelName ?? null,
        page.after ?? null,
        page.size,
      ],
    );
  }

  async summary(db: Queryable, workspace: string): Promise<FeedbackSummary[]> {
    return db.query<FeedbackSummary>(
      `select endpoint, model_name as "modelName", model_version as "modelVersion", arm, rollout_id as "rolloutId", metric, state,
         count(*)::int as count, count(*) filter (where good)::int as good, count(*) filter (where not good)::int as bad,
         count(*) filter (where correction <> '')::int as corrections
       from feedback where workspace = $1
       group by 1, 2, 3, 4, 5, 6, 7 order by 1, 2, 3, 4, 5, 6, 7 limit 1000`,
      [workspace],
    );
  }
}

// Ids are UUIDv7: their order is the order of arrival.
function inOrder(rows: AttributedFeedback[]): AttributedFeedback[] {
  return rows.sort((left, right) => (left.id < right.id ? -1 : 1));
}
