// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import {
  FeedbackRepository,
  type Feedback,
  type FeedbackFilter,
  type FeedbackSummary,
  type NewFeedback,
  type RaterDayCount,
  type RaterStanding,
} from './feedback.repository';
import type { FeedbackValue } from './feedback-draft';
import type { MetricDefinition } from './metric-definition';

interface MetricRow {
  workspace: string;
  name: string;
  good_values: FeedbackValue[];
  good_at_least: number | null;
  labels: string[];
}

const COLUMNS = `f.workspace, f.id, f.source, f.source_id as "sourceId", f.inference_id as "inferenceId", f.state,
  f.state_reason as "stateReason", f.metric, f.value, f.good, f.correction, f.impossible, f.comment, f.rater_hash as "raterHash",
  f.rater_kind as "raterKind", f.occurred_time as "occurredTime", f.receive_time as "receiveTime", f.endpoint,
  f.model_name as "modelName", f.model_version as "modelVersion", f.rollout_id as "rolloutId", f.arm,
  f.input_text as "inputText", f.output_text as "outputText"`;

// Chosen feedback (`u`) and its inference by either id, each by an index lookup: an OR over both ids would scan the table.
// Afterwards the feedback names the inference by our id, whichever id the caller gave.
function attribute(chosen: string, tail = ''): string {
  return `update feedback f set inference_id = k.id, endpoint = k.endpoint, model_name = k.model_name,
      model_version = k.model_version, rollout_id = k.rollout_id, arm = k.arm, input_text = k.input_text,
      output_text = k.output_text, input_key = k.input_key, request_time = k.request_time
    from (
      select u.id as feedback_id, i.* from feedback u cross join lateral (
        select * from inferences i where i.workspace = u.workspace and i.id = u.inference_id
        union all
        select * from inferences i where i.workspace = u.workspace and i.response_id = u.inference_id and i.response_id <> ''
        limit 1) i
      where u.state = 'unmatched' and ${chosen} ${tail}) k
    where f.workspace = k.workspace and f.id = k.feedback_id and f.state = 'unmatched' returning ${COLUMNS}`;
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

  async insert(db: Queryable, rows: readonly NewFeedback[]): Promise<Set<string>> {
    const column = <K extends keyof NewFeedback>(name: K): NewFeedback[K][] => rows.map((row) => row[name]);
    const inserted = await db.query<{ id: string }>(
      `insert into feedback (workspace, id, source, source_id, inference_id, state, state_reason, metric, value, good, correction,
         impossible, comment, rater_hash, rater_kind, occurred_time)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
         $9::jsonb[], $10::boolean[], $11::text[], $12::boolean[], $13::text[], $14::text[], $15::text[], $16::timestamptz[])
       on conflict (workspace, source, source_id) do nothing returning id`,
      [
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
        column('occurredTime'),
      ],
    );
    return new Set(inserted.map((row) => row.id));
  }

  async findBySource(db: Queryable, keys: { workspace: string; source: string; sourceIds: string[] }): Promise<Feedback[]> {
    return db.query<Feedback>(
      `select ${COLUMNS} from feedback f where f.workspace = $1 and f.source = $2 and f.source_id = any($3)`,
      [keys.workspace, keys.source, keys.sourceIds],
    );
  }

  async attributeByFeedback(db: Queryable, keys: readonly { workspace: string; id: string }[]): Promise<Feedback[]> {
    if (keys.length === 0) return [];
    const rows = await db.query<Feedback>(attribute('(u.workspace, u.id) in (select * from unnest($1::text[], $2::text[]))'), [
      keys.map((key) => key.workspace),
      keys.map((key) => key.id),
    ]);
    return inOrder(rows);
  }

  async attributeByInference(db: Queryable, keys: readonly { workspace: string; id: string }[]): Promise<Feedback[]> {
    if (keys.length === 0) return [];
    const rows = await db.query<Feedback>(
      attribute('(u.workspace, u.inference_id) in (select * from unnest($1::text[], $2::text[]))'),
      [keys.map((key) => key.workspace), keys.map((key) => key.id)],
    );
    return inOrder(rows);
  }

  async attributeLeftOver(db: Queryable, rowsMax: number): Promise<Feedback[]> {
    const rows = await db.query<Feedback>(
      attribute(
        `u.receive_time > now() - interval '10 minutes'`,
        'order by u.receive_time desc limit $1 for update of u skip locked',
      ),
      [rowsMax],
    );
    return inOrder(rows);
  }

  async setStates(db: Queryable, rows: readonly Pick<Feedback, 'workspace' | 'id' | 'state' | 'stateReason'>[]): Promise<void> {
    await db.query(
      `update feedback f set state = t.state, state_reason = t.reason, match_time = coalesce(f.match_time, clock_timestamp())
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

  async addRaterDays(
    db: Queryable,
    day: string,
    counts: readonly { workspace: string; raterHash: string; added: number }[],
  ): Promise<RaterDayCount[]> {
    if (counts.length === 0) return [];
    return db.query<RaterDayCount>(
      `insert into rater_days as d (workspace, rater_hash, day, feedback_count)
       select t.workspace, t.rater, $4::date, t.added from unnest($1::text[], $2::text[], $3::int[]) as t (workspace, rater, added)
       on conflict (workspace, rater_hash, day) do update set feedback_count = d.feedback_count + excluded.feedback_count
       returning d.workspace, d.rater_hash as "raterHash", d.feedback_count as count`,
      [counts.map((each) => each.workspace), counts.map((each) => each.raterHash), counts.map((each) => each.added), day],
    );
  }

  async addRaters(
    db: Queryable,
    counts: readonly { workspace: string; raterHash: string; kind: string; added: number }[],
  ): Promise<RaterStanding[]> {
    const rows = await db.query<Omit<RaterStanding, 'version'> & { version: string }>(
      `insert into raters as r (workspace, rater_hash, kind, feedback_count, version)
       select t.workspace, t.rater, t.kind, t.added, t.added
       from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as t (workspace, rater, kind, added)
       on conflict (workspace, rater_hash) do update set feedback_count = r.feedback_count + excluded.feedback_count,
         version = r.version + excluded.version
       returning r.workspace, r.rater_hash as "raterHash", r.state, r.version`,
      [
        counts.map((each) => each.workspace),
        counts.map((each) => each.raterHash),
        counts.map((each) => each.kind),
        counts.map((each) => each.added),
      ],
    );
    return rows.map((row) => ({ ...row, version: Number(row.version) }));
  }

  async askForReview(db: Queryable, workspaces: readonly string[], due: Date): Promise<void> {
    if (workspaces.length === 0) return;
    await db.query(
      `insert into rater_reviews (workspace, due_time) select w, $2 from unnest($1::text[]) as w on conflict (workspace) do nothing`,
      [workspaces, due],
    );
  }

  async find(db: Queryable, workspace: string, id: string): Promise<Feedback | undefined> {
    const [row] = await db.query<Feedback>(`select ${COLUMNS} from feedback f where f.workspace = $1 and f.id = $2`, [
      workspace,
      id,
    ]);
    return row;
  }

  async list(db: Queryable, filter: FeedbackFilter, page: { after?: string; size: number }): Promise<Feedback[]> {
    return db.query<Feedback>(
      `select ${COLUMNS} from feedback f
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
function inOrder(rows: Feedback[]): Feedback[] {
  return rows.sort((left, right) => (left.id < right.id ? -1 : 1));
}
