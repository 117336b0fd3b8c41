// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import type { Queryable, Transaction } from '#libs/persistence';
import type { LifecycleStage, Tag } from '../experiments/experiment';
import { pageOf } from '../mlflow/sql';
import { historyPage, samplePoints } from './metric-history-sql';
import {
  type DatasetInput,
  type Metric,
  newestByKey,
  type Param,
  type Run,
  type RunInfo,
  type RunStatus,
  storedValue,
} from './run';
import { runSearchStatement } from './run-search-sql';
import { type MetricHistoryQuery, type MetricSampleQuery, type RunSearch, RunsRepository } from './runs.repository';

interface RunRow {
  id: string;
  experiment_id: string;
  name: string;
  user_id: string;
  status: RunStatus;
  start_ms: string;
  end_ms: string | null;
  artifact_uri: string;
  lifecycle_stage: LifecycleStage;
}

const COLUMNS = 'r.id, r.experiment_id, r.name, r.user_id, r.status, r.start_ms, r.end_ms, r.artifact_uri, r.lifecycle_stage';

@Injectable()
export class RunsTypeorm extends RunsRepository {
  constructor(private readonly clock: Clock) {
    super();
  }

  async insert(tx: Transaction, workspace: string, run: RunInfo): Promise<boolean> {
    const rows = await tx.query(
      `INSERT INTO runs (workspace, id, experiment_id, name, user_id, status, start_ms, end_ms, artifact_uri, lifecycle_stage)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (workspace, id) DO NOTHING RETURNING id`,
      [
        workspace,
        run.id,
        run.experimentId,
        run.name,
        run.userId,
        run.status,
        run.startMs,
        run.endMs ?? null,
        run.artifactUri,
        run.lifecycleStage,
      ],
    );
    return rows.length > 0;
  }

  async find(db: Queryable, workspace: string, runId: string): Promise<Run | undefined> {
    const info = await this.findInfo(db, workspace, runId);
    return info && (await this.withData(db, workspace, [info]))[0];
  }

  async findInfo(db: Queryable, workspace: string, runId: string): Promise<RunInfo | undefined> {
    const [row] = await db.query<RunRow>(`SELECT ${COLUMNS} FROM runs r WHERE r.workspace = $1 AND r.id = $2`, [
      workspace,
      runId,
    ]);
    return row && toInfo(row);
  }

  async lock(tx: Transaction, workspace: string, runId: string): Promise<RunInfo | undefined> {
    const [row] = await tx.query<RunRow>(`SELECT ${COLUMNS} FROM runs r WHERE r.workspace = $1 AND r.id = $2 FOR NO KEY UPDATE`, [
      workspace,
      runId,
    ]);
    return row && toInfo(row);
  }

  async update(tx: Transaction, workspace: string, run: RunInfo): Promise<void> {
    await tx.query(
      `UPDATE runs SET experiment_id = $3, name = $4, user_id = $5, status = $6, start_ms = $7, end_ms = $8, artifact_uri = $9
       WHERE workspace = $1 AND id = $2`,
      [workspace, run.id, run.experimentId, run.name, run.userId, run.status, run.startMs, run.endMs ?? null, run.artifactUri],
    );
  }

  async setStage(tx: Transaction, workspace: string, runId: string, stage: LifecycleStage): Promise<void> {
    const deletedMs = stage === 'deleted' ? this.clock.now().getTime() : null;
    await tx.query('UPDATE runs SET lifecycle_stage = $3, deleted_ms = $4 WHERE workspace = $1 AND id = $2', [
      workspace,
      runId,
      stage,
      deletedMs,
    ]);
  }

  async addMetrics(tx: Transaction, workspace: string, runId: string, metrics: readonly Metric[]): Promise<void> {
    if (metrics.length === 0) return;
    const columns = 'workspace, run_id, key, step, timestamp_ms, value, is_nan';
    const rows = `SELECT $1, $2, m.* FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::float8[], $7::boolean[]) AS m`;
    await tx.query(
      `INSERT INTO run_metrics (${columns}) ${rows} ON CONFLICT DO NOTHING`,
      metricColumns(workspace, runId, metrics),
    );
    // In key order: two batches of one run lock the rows in the same order.
    const newest = newestByKey(metrics).sort((a, b) => (a.key < b.key ? -1 : 1));
    await tx.query(
      `INSERT INTO latest_metrics AS l (${columns}) ${rows} ON CONFLICT (workspace, run_id, key) DO UPDATE
         SET step = excluded.step, timestamp_ms = excluded.timestamp_ms, value = excluded.value, is_nan = excluded.is_nan
         WHERE (excluded.step, excluded.timestamp_ms, excluded.value) > (l.step, l.timestamp_ms, l.value)`,
      metricColumns(workspace, runId, newest),
    );
  }

  async addParams(
    tx: Transaction,
    workspace: string,
    runId: string,
    params: readonly Param[],
  ): Promise<{ key: string; oldValue: string; newValue: string }[]> {
    if (params.length === 0) return [];
    const columns = [workspace, runId, params.map((param) => param.key), params.map((param) => param.value)];
    await tx.query(
      `INSERT INTO run_params (workspace, run_id, key, value)
       SELECT $1, $2, p.key, p.value FROM unnest($3::text[], $4::text[]) AS p (key, value) ORDER BY p.key
       ON CONFLICT (workspace, run_id, key) DO NOTHING`,
      columns,
    );
    return tx.query(
      `SELECT n.key, o.value AS "oldValue", n.value AS "newValue" FROM unnest($3::text[], $4::text[]) AS n (key, value)
       JOIN run_params o ON o.workspace = $1 AND o.run_id = $2 AND o.key = n.key WHERE o.value <> n.value ORDER BY n.key`,
      columns,
    );
  }

  async setTags(tx: Transaction, workspace: string, runId: string, tags: readonly Tag[]): Promise<void> {
    if (tags.length === 0) return;
    await tx.query(
      `INSERT INTO run_tags (workspace, run_id, key, value)
       SELECT $1, $2, t.key, t.value FROM unnest($3::text[], $4::text[]) AS t (key, value) ORDER BY t.key
       ON CONFLICT (workspace, run_id, key) DO UPDATE SET value = excluded.value`,
      [workspace, runId, tags.map((tag) => tag.key), tags.map((tag) => tag.value)],
    );
  }

  async deleteTag(tx: Transaction, workspace: string, runId: string, key: string): Promise<boolean> {
    const rows = await tx.query('DELETE FROM run_tags WHERE workspace = $1 AND run_id = $2 AND key = $3 RETURNING key', [
      workspace,
      runId,
      key,
    ]);
    return rows.length > 0;
  }

  async addInputs(tx: Transaction, workspace: string, runId: string, inputs: readonly DatasetInput[]): Promise<void> {
    for (const input of inputs) {
      const context = input.tags.find((tag) => tag.key === 'mlflow.data.context')?.value ?? null;
      await tx.query(
        `INSERT INTO run_inputs (workspace, run_id, name, digest, source_type, source, schema, profile, context, tags)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (workspace, run_id, name, digest) DO NOTHING`,
        [
          workspace,
          runId,
          input.name,
          input.digest,
          input.sourceType,
          input.source,
          input.schema ?? null,
          input.profile ?? null,
          context,
          JSON.stringify(input.tags),
        ],
      );
    }
  }

  async search(db: Queryable, workspace: string, search: RunSearch): Promise<{ runs: Run[]; nextPageToken: string }> {
    if (search.experimentIds.length === 0) return { runs: [], nextPageToken: '' };
    const { sql, values, terms, filter } = runSearchStatement(workspace, search, COLUMNS);
    const page = pageOf(await db.query<RunRow>(sql, values), { limit: search.limit, terms, filter });
    return { runs: await this.withData(db, workspace, page.rows.map(toInfo)), nextPageToken: page.nextPageToken };
  }

  metricHistory(
    db: Queryable,
    workspace: string,
    query: MetricHistoryQuery,
  ): Promise<{ metrics: Metric[]; nextPageToken: string }> {
    return historyPage(db, workspace, query);
  }

  sampleMetrics(db: Queryable, workspace: string, query: MetricSampleQuery): Promise<(Metric & { runId: string })[]> {
    return samplePoints(db, workspace, query);
  }

  // Four statements for a page, however many runs it has.
  private async withData(db: Queryable, workspace: string, infos: RunInfo[]): Promise<Run[]> {
    if (infos.length === 0) return [];
    const ids = infos.map((info) => info.id);
    const of = (columns: string, table: string, order = 'key'): string =>
      `SELECT run_id, ${columns} FROM ${table} WHERE workspace = $1 AND run_id = ANY($2) ORDER BY run_id, ${order}`;
    const metrics = groupByRun(
      await db.query<{ run_id: string; key: string; step: string; timestamp_ms: string; value: number; is_nan: boolean }>(
        of('key, step, timestamp_ms, value, is_nan', 'latest_metrics'),
        [workspace, ids],
      ),
    );
    const params = groupByRun(await db.query<Param & { run_id: string }>(of('key, value', 'run_params'), [workspace, ids]));
    const tags = groupByRun(await db.query<Tag & { run_id: string }>(of('key, value', 'run_tags'), [workspace, ids]));
    const inputs = groupByRun(
      await db.query<DatasetInput & { run_id: string; source_type: string }>(
        of('name, digest, source_type, source, schema, profile, tags', 'run_inputs', 'position'),
        [workspace, ids],
      ),
    );
    return infos.map((info) => ({
      ...info,
      metrics: (metrics.get(info.id) ?? []).map((row) => ({
        key: row.key,
        value: row.is_nan ? NaN : row.value,
        timestampMs: Number(row.timestamp_ms),
        step: Number(row.step),
      })),
      params: (params.get(info.id) ?? []).map(({ key, value }) => ({ key, value })),
      tags: (tags.get(info.id) ?? []).map(({ key, value }) => ({ key, value })),
      inputs: (inputs.get(info.id) ?? []).map(({ run_id: _run, source_type: sourceType, ...input }) => ({
        ...input,
        sourceType,
      })),
    }));
  }
}

function metricColumns(workspace: string, runId: string, metrics: readonly Metric[]): unknown[] {
  const stored = metrics.map((metric) => storedValue(metric.value));
  return [
    workspace,
    runId,
    metrics.map((metric) => metric.key),
    metrics.map((metric) => metric.step),
    metrics.map((metric) => metric.timestampMs),
    stored.map((value) => value.value),
    stored.map((value) => value.isNan),
  ];
}

function groupByRun<Row extends { run_id: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.run_id);
    if (group) group.push(row);
    else groups.set(row.run_id, [row]);
  }
  return groups;
}

function toInfo(row: RunRow): RunInfo {
  return {
    id: row.id,
    experimentId: row.experiment_id,
    name: row.name,
    userId: row.user_id,
    status: row.status,
    startMs: Number(row.start_ms),
    endMs: row.end_ms === null ? undefined : Number(row.end_ms),
    artifactUri: row.artifact_uri,
    lifecycleStage: row.lifecycle_stage,
  };
}
