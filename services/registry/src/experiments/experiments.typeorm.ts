// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { isUniqueViolation, type Queryable, type Transaction } from '#libs/persistence';
import type { FilterClause } from '../mlflow/filter';
import { afterTokenSql, compareSql, keyValueSql, type OrderTerm, pageOf, pageSql, SqlParams } from '../mlflow/sql';
import { experimentExists } from './not-found';
import {
  DEFAULT_EXPERIMENT,
  defaultArtifactLocation,
  type Experiment,
  type LifecycleStage,
  stagesOf,
  type Tag,
  type ViewType,
} from './experiment';
import { type ExperimentSearch, ExperimentsRepository, type NewExperiment } from './experiments.repository';

interface ExperimentRow {
  id: string;
  name: string;
  artifact_location: string;
  lifecycle_stage: LifecycleStage;
  creation_ms: string;
  last_update_ms: string;
  tags: Tag[] | null;
}

const COLUMNS = `e.id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_ms, e.last_update_ms,
  (SELECT jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) ORDER BY t.key) FROM experiment_tags t
    WHERE t.workspace = e.workspace AND t.experiment_id = e.id) AS tags`;

const BYTES = `250 + octet_length(e.name) + octet_length(e.artifact_location)
  + (SELECT COALESCE(sum(24 + octet_length(t.key) + octet_length(t.value)), 0) FROM experiment_tags t
    WHERE t.workspace = e.workspace AND t.experiment_id = e.id)`;

const ATTRIBUTES: Record<string, { sql: string; type: OrderTerm['type'] }> = {
  name: { sql: 'e.name', type: 'text' },
  experiment_id: { sql: 'e.id', type: 'bigint' },
  creation_time: { sql: 'e.creation_ms', type: 'bigint' },
  last_update_time: { sql: 'e.last_update_ms', type: 'bigint' },
};

@Injectable()
export class ExperimentsTypeorm extends ExperimentsRepository {
  private readonly seen = new Set<string>();

  constructor(private readonly clock: Clock) {
    super();
  }

  async ensureDefault(db: Queryable, workspace: string): Promise<void> {
    if (this.seen.has(workspace)) return;
    await db.query(
      `INSERT INTO experiments (workspace, id, name, artifact_location, creation_ms, last_update_ms)
       VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING`,
      [
        workspace,
        DEFAULT_EXPERIMENT.id,
        DEFAULT_EXPERIMENT.name,
        defaultArtifactLocation(DEFAULT_EXPERIMENT.id),
        this.clock.now().getTime(),
      ],
    );
    // Remembered only once it is seen committed: this insert may still be rolled back by its caller.
    const [row] = await db.query(
      'SELECT 1 FROM experiments WHERE workspace = $1 AND id = 0 AND xmin <> pg_current_xact_id()::xid',
      [workspace],
    );
    if (row) this.seen.add(workspace);
  }

  async create(tx: Transaction, workspace: string, experiment: NewExperiment): Promise<Experiment | undefined> {
    const [counter] = await tx.query<{ last_id: string }>(
      `INSERT INTO experiment_counters AS c (workspace, last_id) VALUES ($1, 1)
       ON CONFLICT (workspace) DO UPDATE SET last_id = c.last_id + 1 RETURNING last_id`,
      [workspace],
    );
    const id = counter.last_id;
    const location = experiment.artifactLocation || defaultArtifactLocation(id);
    const rows = await tx.query(
      `INSERT INTO experiments (workspace, id, name, artifact_location, creation_ms, last_update_ms) VALUES ($1, $2, $3, $4, $5, $5)
       ON CONFLICT (workspace, name) DO NOTHING RETURNING id`,
      [workspace, id, experiment.name, location, experiment.nowMs],
    );
    if (rows.length === 0) return undefined;
    await tx.query(
      `INSERT INTO experiment_tags (workspace, experiment_id, key, value)
       SELECT $1, $2, t.key, t.value FROM unnest($3::text[], $4::text[]) AS t (key, value)`,
      [workspace, id, experiment.tags.map((tag) => tag.key), experiment.tags.map((tag) => tag.value)],
    );
    return this.find(tx, workspace, id);
  }

  async find(db: Queryable, workspace: string, id: string, view: ViewType = 'ALL'): Promise<Experiment | undefined> {
    const [row] = await db.query<ExperimentRow>(
      `SELECT ${COLUMNS} FROM experiments e WHERE e.workspace = $1 AND e.id = $2 AND e.lifecycle_stage = ANY($3)`,
      [workspace, id, stagesOf(view)],
    );
    return row && toExperiment(row);
  }

  async lock(tx: Transaction, workspace: string, id: string, view: ViewType = 'ALL'): Promise<Experiment | undefined> {
    await tx.query('SELECT 1 FROM experiments WHERE workspace = $1 AND id = $2 FOR NO KEY UPDATE', [workspace, id]);
    return this.find(tx, workspace, id, view);
  }

  async findByName(db: Queryable, workspace: string, name: string): Promise<Experiment | undefined> {
    const [row] = await db.query<ExperimentRow>(`SELECT ${COLUMNS} FROM experiments e WHERE e.workspace = $1 AND e.name = $2`, [
      workspace,
      name,
    ]);
    return row && toExperiment(row);
  }

  async search(
    db: Queryable,
    workspace: string,
    search: ExperimentSearch,
  ): Promise<{ experiments: Experiment[]; nextPageToken: string }> {
    const params = new SqlParams(workspace, stagesOf(search.view), search.limit + 1);
    const filter = ['experiments', workspace, search.view, search.clauses, search.orderBy];
    const terms = orderTerms(search);
    const conditions = [
      'e.workspace = $1 AND e.lifecycle_stage = ANY($2)',
      ...search.clauses.map((clause) => clauseSql(clause, params)),
      afterTokenSql(terms, search.pageToken, filter, params),
    ];
    const { bytesMax } = search;
    const sql = pageSql({
      columns: COLUMNS,
      alias: 'e',
      from: 'experiments e',
      conditions,
      terms,
      limit: '$3',
      bytes: BYTES,
      bytesMax,
    });
    const rows = await db.query<ExperimentRow>(sql, params.values);
    const page = pageOf(rows, { limit: search.limit, terms, filter });
    return { experiments: page.rows.map(toExperiment), nextPageToken: page.nextPageToken };
  }

  async rename(tx: Transaction, workspace: string, id: string, name: string): Promise<void> {
    try {
      await tx.query('UPDATE experiments SET name = $3, last_update_ms = $4 WHERE workspace = $1 AND id = $2', [
        workspace,
        id,
        name,
        this.clock.now().getTime(),
      ]);
    } catch (error) {
      if (isUniqueViolation(error)) throw experimentExists(name, error);
      throw error;
    }
  }

  async setStage(tx: Transaction, workspace: string, id: string, stage: LifecycleStage): Promise<void> {
    const nowMs = this.clock.now().getTime();
    await tx.query('UPDATE experiments SET lifecycle_stage = $3, last_update_ms = $4 WHERE workspace = $1 AND id = $2', [
      workspace,
      id,
      stage,
      nowMs,
    ]);
    await tx.query('UPDATE runs SET lifecycle_stage = $3, deleted_ms = $4 WHERE workspace = $1 AND experiment_id = $2', [
      workspace,
      id,
      stage,
      stage === 'deleted' ? nowMs : null,
    ]);
  }

  async setTag(tx: Transaction, workspace: string, id: string, tag: Tag): Promise<void> {
    await tx.query(
      `INSERT INTO experiment_tags (workspace, experiment_id, key, value) VALUES ($1, $2, $3, $4)
       ON CONFLICT (workspace, experiment_id, key) DO UPDATE SET value = excluded.value`,
      [workspace, id, tag.key, tag.value],
    );
  }

  async deleteTag(tx: Transaction, workspace: string, id: string, key: string): Promise<boolean> {
    const rows = await tx.query(
      'DELETE FROM experiment_tags WHERE workspace = $1 AND experiment_id = $2 AND key = $3 RETURNING key',
      [workspace, id, key],
    );
    return rows.length > 0;
  }
}

function clauseSql(clause: FilterClause, params: SqlParams): string {
  if (clause.entity === 'tag') {
    return keyValueSql('experiment_tags', 'kv.workspace = e.workspace AND kv.experiment_id = e.id', clause, params);
  }
  // Ids are numbers in the table and quoted strings in the language.
  const column = clause.key === 'experiment_id' ? 'e.id::text' : ATTRIBUTES[clause.key].sql;
  return compareSql(column, clause, params);
}

function orderTerms(search: ExperimentSearch): OrderTerm[] {
  const asked = search.orderBy.map(({ key, descending }) => ({ ...ATTRIBUTES[key], descending }));
  if (asked.length === 0) {
    return [
      { ...ATTRIBUTES['creation_time'], descending: true },
      { ...ATTRIBUTES['experiment_id'], descending: false },
    ];
  }
  if (search.orderBy.some(({ key }) => key === 'experiment_id')) return asked;
  return [...asked, { ...ATTRIBUTES['experiment_id'], descending: true }];
}

function toExperiment(row: ExperimentRow): Experiment {
  return {
    id: row.id,
    name: row.name,
    artifactLocation: row.artifact_location,
    lifecycleStage: row.lifecycle_stage,
    creationMs: Number(row.creation_ms),
    lastUpdateMs: Number(row.last_update_ms),
    tags: row.tags ?? [],
  };
}
