// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import { afterTokenSql, keySelectSql, orderSql, type OrderTerm, pageOf, SqlParams } from '../mlflow/sql';
import type { Metric } from './run';
import type { MetricHistoryQuery, MetricSampleQuery } from './runs.repository';

interface MetricRow {
  run_id: string;
  step: string;
  timestamp_ms: string;
  value: number;
  is_nan: boolean;
}

/** A run may have logged millions of values; clients go on by the token. Twice what MLflow's client asks for at once. */
const PAGE_POINTS_MAX = 50_000;

const TERMS: OrderTerm[] = [
  { sql: 'm.timestamp_ms', type: 'bigint', descending: false },
  { sql: 'm.step', type: 'bigint', descending: false },
  { sql: 'm.value', type: 'float8', descending: false },
  { sql: 'm.is_nan::int', type: 'bigint', descending: false },
];

/** Values of one metric of one run, oldest first. */
export async function historyPage(
  db: Queryable,
  workspace: string,
  query: MetricHistoryQuery,
): Promise<{ metrics: Metric[]; nextPageToken: string }> {
  const params = new SqlParams(workspace, query.runId, query.key);
  const filter = ['metric-history', workspace, query.runId, query.key];
  const after = afterTokenSql(TERMS, query.pageToken, filter, params);
  const limit = Math.min(query.limit ?? PAGE_POINTS_MAX, PAGE_POINTS_MAX);
  const rows = await db.query<MetricRow>(
    `SELECT m.run_id, m.step, m.timestamp_ms, m.value, m.is_nan, ${keySelectSql(TERMS)} FROM run_metrics m
     WHERE m.workspace = $1 AND m.run_id = $2 AND m.key = $3 AND ${after} ORDER BY ${orderSql(TERMS)} LIMIT ${params.add(limit + 1)}`,
    params.values,
  );
  const page = pageOf(rows, { limit, terms: TERMS, filter });
  return { metrics: page.rows.map((row) => toMetric(query.key, row)), nextPageToken: page.nextPageToken };
}

/**
 * At most `pointsMax` values per run: the first of each of that many equal buckets in order of step, and always the last
 * value, for charts over several runs in one statement.
 */
export async function samplePoints(
  db: Queryable,
  workspace: string,
  query: MetricSampleQuery,
): Promise<(Metric & { runId: string })[]> {
  const { runIds, key, pointsMax, steps } = query;
  const rows = await db.query<MetricRow>(
    `WITH points AS (
       SELECT run_id, step, timestamp_ms, value, is_nan,
         ntile($4) OVER w AS bucket, row_number() OVER w AS place, count(*) OVER (PARTITION BY run_id) AS total
       FROM run_metrics WHERE workspace = $1 AND run_id = ANY($2) AND key = $3
         AND ($5::bigint IS NULL OR step BETWEEN $5::bigint AND $6::bigint)
       WINDOW w AS (PARTITION BY run_id ORDER BY step, timestamp_ms, value, is_nan)
     ), firsts AS (
       SELECT *, min(place) OVER (PARTITION BY run_id, bucket) AS first_place, max(bucket) OVER (PARTITION BY run_id) AS buckets
       FROM points
     )
     SELECT run_id, step, timestamp_ms, value, is_nan FROM firsts
     WHERE place = total OR (place = first_place AND (total <= $4 OR bucket < buckets))
     ORDER BY run_id, step, timestamp_ms, value, is_nan`,
    [workspace, runIds, key, pointsMax, steps?.first ?? null, steps?.last ?? null],
  );
  return rows.map((row) => ({ ...toMetric(key, row), runId: row.run_id }));
}

function toMetric(key: string, row: MetricRow): Metric {
  return { key, value: row.is_nan ? NaN : row.value, timestampMs: Number(row.timestamp_ms), step: Number(row.step) };
}
