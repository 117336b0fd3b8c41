// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import type { Queryable, Transaction } from '#libs/persistence';
import { type Tag, uniqueTags } from '../experiments/experiment';
import type { FilterClause } from '../mlflow/filter';
import { afterTokenSql, compareSql, keyValueSql, type OrderTerm, pageOf, pageSql, SqlParams } from '../mlflow/sql';
import { isPromptTagged, type Lineage, type ModelVersion, PROMPT_TAG, type Stage } from './model';
import { type NewVersion, type RegistrySearch, VersionsRepository } from './models.repository';
import { REFRESH_PROMPT_MARK } from './models.typeorm';
import { VERSION_BYTES } from './page-bytes';
import { asksForPrompts } from './prompt-filter';

interface VersionRow {
  model_name: string;
  version: number;
  creation_ms: string;
  last_updated_ms: string;
  description: string | null;
  user_id: string | null;
  stage: Stage;
  source: string;
  storage_location: string;
  run_id: string;
  run_link: string;
  model_id: string;
  manifest_digest: string;
  job_id: string;
  pipeline_run_id: string;
  lineage: Lineage | null;
  revision: string;
  tags: Tag[] | null;
  aliases: string[] | null;
}

const COLUMNS = `v.model_name, v.version, v.creation_ms, v.last_updated_ms, v.description, v.user_id, v.stage, v.source,
  v.storage_location, v.run_id, v.run_link, v.model_id, v.manifest_digest, v.job_id, v.pipeline_run_id, v.lineage, v.revision,
  (SELECT jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) ORDER BY t.key) FROM model_version_tags t
    WHERE t.workspace = v.workspace AND t.model_name = v.model_name AND t.version = v.version) AS tags,
  (SELECT jsonb_agg(a.alias ORDER BY a.alias) FROM aliases a
    WHERE a.workspace = v.workspace AND a.model_name = v.model_name AND a.version = v.version) AS aliases`;
const PAGE = { columns: COLUMNS, alias: 'v', bytes: VERSION_BYTES };
const LIVE = `v.stage <> 'Deleted_Internal'`;

const ATTRIBUTES: Record<string, Omit<OrderTerm, 'descending'>> = {
  name: { sql: 'v.model_name', type: 'text' },
  version_number: { sql: 'v.version', type: 'bigint' },
  run_id: { sql: 'v.run_id', type: 'text' },
  source_path: { sql: 'v.source', type: 'text' },
  creation_timestamp: { sql: 'v.creation_ms', type: 'bigint' },
  last_updated_timestamp: { sql: 'v.last_updated_ms', type: 'bigint' },
};

@Injectable()
export class VersionsTypeorm extends VersionsRepository {
  constructor(private readonly clock: Clock) {
    super();
  }

  async insert(tx: Transaction, workspace: string, version: NewVersion): Promise<ModelVersion> {
    const tags = uniqueTags(version.tags);
    const [row] = await tx.query<{ version: number }>(
      `WITH numbered AS (
         UPDATE registered_models SET last_version = last_version + 1, last_updated_ms = $3, is_prompt = is_prompt OR $4,
           revision = revision + 1
         WHERE workspace = $1 AND name = $2 RETURNING last_version
       )
       INSERT INTO model_versions (workspace, model_name, version, creation_ms, last_updated_ms, is_prompt, description, source,
         storage_location, run_id, run_link, model_id, manifest_digest, job_id, pipeline_run_id, lineage, user_id)
       SELECT $1, $2, last_version, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::jsonb, $15 FROM numbered RETURNING version`,
      [
        workspace,
        version.modelName,
        version.nowMs,
        isPromptTagged(tags),
        version.description,
        version.source,
        version.storageLocation,
        version.runId,
        version.runLink,
        version.modelId,
        version.manifestDigest,
        version.jobId,
        version.pipelineRunId,
        version.lineage ? JSON.stringify(version.lineage) : null,
        version.userId,
      ],
    );
    await tx.query(
      `INSERT INTO model_version_tags (workspace, model_name, version, key, value)
       SELECT $1, $2, $3, t.key, t.value FROM unnest($4::text[], $5::text[]) AS t (key, value)`,
      [workspace, version.modelName, row.version, tags.map((tag) => tag.key), tags.map((tag) => tag.value)],
    );
    return (await this.find(tx, workspace, version.modelName, row.version))!;
  }

  async find(db: Queryable, workspace: string, name: string, version: number): Promise<ModelVersion | undefined> {
    return this.one(db, 'v.model_name = $2 AND v.version = $3', [workspace, name, version]);
  }

  async findByJob(db: Queryable, workspace: string, jobId: string): Promise<ModelVersion | undefined> {
    return this.one(db, `v.job_id = $2 AND v.job_id <> ''`, [workspace, jobId]);
  }

  async runsOfDigest(db: Queryable, workspace: string, manifestDigest: string): Promise<string[]> {
    const rows = await db.query<{ run_id: string }>(
      `SELECT DISTINCT run_id FROM model_versions v WHERE workspace = $1 AND manifest_digest = $2
         AND manifest_digest <> '' AND run_id <> '' AND ${LIVE}`,
      [workspace, manifestDigest],
    );
    return rows.map((row) => row.run_id);
  }

  async latest(db: Queryable, workspace: string, names: readonly string[]): Promise<ModelVersion[]> {
    const rows = await db.query<VersionRow>(
      `SELECT ${COLUMNS} FROM model_versions v JOIN (
         SELECT model_name, max(version) AS version FROM model_versions v
         WHERE workspace = $1 AND model_name = ANY($2) AND ${LIVE} GROUP BY model_name, stage
       ) newest ON newest.model_name = v.model_name AND newest.version = v.version
       WHERE v.workspace = $1 ORDER BY v.model_name, v.version`,
      [workspace, names],
    );
    return rows.map(toVersion);
  }

  async list(
    db: Queryable,
    workspace: string,
    name: string,
    page: { beforeVersion: number; limit: number; bytesMax: number },
  ): Promise<{ versions: ModelVersion[]; more: boolean }> {
    const conditions = ['v.workspace = $1 AND v.model_name = $2', LIVE, '($3 = 0 OR v.version < $3)'];
    const terms = [{ ...ATTRIBUTES['version_number'], descending: true }];
    const rows = await db.query<VersionRow>(
      pageSql({ ...PAGE, from: 'model_versions v', conditions, terms, limit: '$4', bytesMax: page.bytesMax }),
      [workspace, name, page.beforeVersion, page.limit + 1],
    );
    const kept = pageOf(rows, { limit: page.limit, terms, filter: undefined });
    return { versions: kept.rows.map(toVersion), more: kept.nextPageToken !== '' };
  }

  async search(
    db: Queryable,
    workspace: string,
    search: RegistrySearch,
  ): Promise<{ versions: ModelVersion[]; nextPageToken: string }> {
    const params = new SqlParams(workspace, search.limit + 1);
    const filter = ['model-versions', workspace, search.clauses, search.orderBy];
    const terms = orderTerms(search);
    const prompts = asksForPrompts(search.clauses);
    const clauses = search.clauses.filter((clause) => prompts || clause.key !== PROMPT_TAG);
    const conditions = [
      'v.workspace = $1',
      LIVE,
      prompts ? 'TRUE' : 'NOT m.is_prompt',
      ...clauses.map((clause) => clauseSql(clause, params)),
      afterTokenSql(terms, search.pageToken, filter, params),
    ];
    const from = 'model_versions v JOIN registered_models m ON m.workspace = v.workspace AND m.name = v.model_name';
    const rows = await db.query<VersionRow>(
      pageSql({ ...PAGE, from, conditions, terms, limit: '$2', bytesMax: search.bytesMax }),
      params.values,
    );
    const page = pageOf(rows, { limit: search.limit, terms, filter });
    return { versions: page.rows.map(toVersion), nextPageToken: page.nextPageToken };
  }

  async setDescription(tx: Transaction, workspace: string, version: ModelVersion, description: string): Promise<void> {
    await this.change(tx, workspace, version, 'description = $5', [description]);
  }

  async setStage(
    tx: Transaction,
    workspace: string,
    version: ModelVersion,
    change: { stage: string; archiveOthers: boolean },
  ): Promise<number[]> {
    const archived = change.archiveOthers
      ? await tx.query<{ version: number }>(
          `UPDATE model_versions SET stage = 'Archived', last_updated_ms = $5, revision = revision + 1
           WHERE workspace = $1 AND model_name = $2 AND version <> $3 AND stage = $4 RETURNING version`,
          [workspace, version.modelName, version.version, change.stage, this.nowMs()],
        )
      : [];
    await this.change(tx, workspace, version, 'stage = $5', [change.stage]);
    await this.touchModel(tx, workspace, version.modelName);
    return archived.map((row) => row.version);
  }

  async delete(tx: Transaction, workspace: string, version: ModelVersion): Promise<void> {
    await this.change(
      tx,
      workspace,
      version,
      `stage = 'Deleted_Internal', description = NULL, user_id = NULL, source = 'REDACTED-SOURCE-PATH',
       storage_location = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID', run_link = 'REDACTED-RUN-LINK'`,
      [],
    );
    await this.touchModel(tx, workspace, version.modelName);
  }

  async setTag(tx: Transaction, workspace: string, version: ModelVersion, tag: Tag): Promise<void> {
    await tx.query(
      `INSERT INTO model_version_tags (workspace, model_name, version, key, value) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (workspace, model_name, version, key) DO UPDATE SET value = excluded.value`,
      [workspace, version.modelName, version.version, tag.key, tag.value],
    );
    if (tag.key === PROMPT_TAG) await tx.query(REFRESH_PROMPT_MARK, [workspace, version.modelName]);
  }

  async deleteTag(tx: Transaction, workspace: string, version: ModelVersion, key: string): Promise<void> {
    await tx.query('DELETE FROM model_version_tags WHERE workspace = $1 AND model_name = $2 AND version = $3 AND key = $4', [
      workspace,
      version.modelName,
      version.version,
      key,
    ]);
    if (key === PROMPT_TAG) await tx.query(REFRESH_PROMPT_MARK, [workspace, version.modelName]);
  }

  private async one(db: Queryable, condition: string, params: unknown[]): Promise<ModelVersion | undefined> {
    const [row] = await db.query<VersionRow>(
      `SELECT ${COLUMNS} FROM model_versions v WHERE v.workspace = $1 AND ${condition} AND ${LIVE}`,
      params,
    );
    return row && toVersion(row);
  }

  private async change(tx: Transaction, workspace: string, version: ModelVersion, set: string, values: unknown[]): Promise<void> {
    await tx.query(
      `UPDATE model_versions SET ${set}, last_updated_ms = $4, revision = revision + 1
       WHERE workspace = $1 AND model_name = $2 AND version = $3`,
      [workspace, version.modelName, version.version, this.nowMs(), ...values],
    );
  }

  private async touchModel(tx: Transaction, workspace: string, name: string): Promise<void> {
    await tx.query('UPDATE registered_models SET last_updated_ms = $3 WHERE workspace = $1 AND name = $2', [
      workspace,
      name,
      this.nowMs(),
    ]);
  }

  private nowMs(): number {
    return this.clock.now().getTime();
  }
}

function clauseSql(clause: FilterClause, params: SqlParams): string {
  if (clause.entity === 'attribute') return compareSql(ATTRIBUTES[clause.key].sql, clause, params);
  const link = 'kv.workspace = v.workspace AND kv.model_name = v.model_name AND kv.version = v.version';
  return keyValueSql('model_version_tags', link, clause, params);
}

function orderTerms(search: RegistrySearch): OrderTerm[] {
  const asked =
    search.orderBy.length > 0
      ? search.orderBy.map(({ key, descending }) => ({ key, descending }))
      : [{ key: 'last_updated_timestamp', descending: true }];
  if (!asked.some(({ key }) => key === 'name')) asked.push({ key: 'name', descending: false });
  if (!asked.some(({ key }) => key === 'version_number')) asked.push({ key: 'version_number', descending: true });
  return asked.map(({ key, descending }) => ({ ...ATTRIBUTES[key], descending }));
}

function toVersion(row: VersionRow): ModelVersion {
  return {
    modelName: row.model_name,
    version: row.version,
    creationMs: Number(row.creation_ms),
    lastUpdatedMs: Number(row.last_updated_ms),
    description: row.description ?? '',
    userId: row.user_id ?? '',
    stage: row.stage,
    source: row.source,
    storageLocation: row.storage_location,
    runId: row.run_id,
    runLink: row.run_link,
    modelId: row.model_id,
    manifestDigest: row.manifest_digest,
    jobId: row.job_id,
    pipelineRunId: row.pipeline_run_id,
    lineage: row.lineage ?? undefined,
    revision: Number(row.revision),
    tags: row.tags ?? [],
    aliases: row.aliases ?? [],
  };
}
