// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { isUniqueViolation, type Queryable, type Transaction } from '#libs/persistence';
import { type Tag, uniqueTags } from '../experiments/experiment';
import type { FilterClause } from '../mlflow/filter';
import { afterTokenSql, compareSql, keyValueSql, type OrderTerm, pageOf, pageSql, SqlParams } from '../mlflow/sql';
import { RegistryErrors } from '../registry.errors';
import { type AliasPointer, isPromptTagged, PROMPT_TAG, type RegisteredModel } from './model';
import { ModelsRepository, type NewModel, type RegistrySearch } from './models.repository';
import { MODEL_BYTES } from './page-bytes';
import { asksForPrompts } from './prompt-filter';

interface ModelRow {
  name: string;
  description: string | null;
  creation_ms: string;
  last_updated_ms: string;
  last_version: number;
  is_prompt: boolean;
  revision: string;
  tags: Tag[] | null;
  aliases: AliasPointer[] | null;
}

const COLUMNS = `m.name, m.description, m.creation_ms, m.last_updated_ms, m.last_version, m.is_prompt, m.revision,
  (SELECT jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) ORDER BY t.key) FROM registered_model_tags t
    WHERE t.workspace = m.workspace AND t.model_name = m.name) AS tags,
  (SELECT jsonb_agg(jsonb_build_object('alias', a.alias, 'version', a.version) ORDER BY a.alias) FROM aliases a
    WHERE a.workspace = m.workspace AND a.model_name = m.name) AS aliases`;

const PAGE = { columns: COLUMNS, alias: 'm', from: 'registered_models m', bytes: MODEL_BYTES };

const ORDER: Record<string, Omit<OrderTerm, 'descending'>> = {
  name: { sql: 'm.name', type: 'text' },
  last_updated_timestamp: { sql: 'm.last_updated_ms', type: 'bigint' },
};

// The mark of a prompt: on the model, or on any of its versions.
const IS_PROMPT = `(EXISTS (SELECT 1 FROM registered_model_tags t WHERE t.workspace = $1 AND t.model_name = $2
    AND t.key = '${PROMPT_TAG}' AND t.value = 'true')
  OR EXISTS (SELECT 1 FROM model_version_tags t WHERE t.workspace = $1 AND t.model_name = $2
    AND t.key = '${PROMPT_TAG}' AND t.value = 'true'))`;

// Facts of a name keep their order over the models that had it: consumers pass over a number that is not above the last one they know.
const RETIRE_NAME = `INSERT INTO retired_model_names AS r (workspace, name, event_version)
  SELECT workspace, name, event_version FROM registered_models WHERE workspace = $1 AND name = $2
  ON CONFLICT (workspace, name) DO UPDATE SET event_version = GREATEST(r.event_version, excluded.event_version)`;
// A statement of its own, after the one that takes the name: that one may have waited for the delete that retired it.
const GO_ON_WITH_NUMBERS = `UPDATE registered_models m SET event_version = GREATEST(m.event_version, r.event_version)
  FROM retired_model_names r WHERE m.workspace = $1 AND m.name = $2 AND r.workspace = m.workspace AND r.name = m.name`;

/** Recomputes the mark that searches use, after a tag that may change it. */
export const REFRESH_PROMPT_MARK = `UPDATE registered_models SET is_prompt = ${IS_PROMPT} WHERE workspace = $1 AND name = $2`;

@Injectable()
export class ModelsTypeorm extends ModelsRepository {
  constructor(private readonly clock: Clock) {
    super();
  }

  async insert(tx: Transaction, workspace: string, model: NewModel): Promise<boolean> {
    const tags = uniqueTags(model.tags);
    const rows = await tx.query(
      `INSERT INTO registered_models (workspace, name, description, creation_ms, last_updated_ms, is_prompt)
       VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT (workspace, name) DO NOTHING RETURNING name`,
      [workspace, model.name, model.description ?? null, model.nowMs, isPromptTagged(tags)],
    );
    if (rows.length === 0) return false;
    await tx.query(GO_ON_WITH_NUMBERS, [workspace, model.name]);
    await tx.query(
      `INSERT INTO registered_model_tags (workspace, model_name, key, value)
       SELECT $1, $2, t.key, t.value FROM unnest($3::text[], $4::text[]) AS t (key, value)`,
      [workspace, model.name, tags.map((tag) => tag.key), tags.map((tag) => tag.value)],
    );
    return true;
  }

  async find(db: Queryable, workspace: string, name: string): Promise<RegisteredModel | undefined> {
    const [row] = await db.query<ModelRow>(`SELECT ${COLUMNS} FROM registered_models m WHERE m.workspace = $1 AND m.name = $2`, [
      workspace,
      name,
    ]);
    return row && toModel(row);
  }

  async lock(tx: Transaction, workspace: string, name: string): Promise<RegisteredModel | undefined> {
    await tx.query('SELECT 1 FROM registered_models WHERE workspace = $1 AND name = $2 FOR NO KEY UPDATE', [workspace, name]);
    return this.find(tx, workspace, name);
  }

  async search(
    db: Queryable,
    workspace: string,
    search: RegistrySearch,
  ): Promise<{ models: RegisteredModel[]; nextPageToken: string }> {
    const params = new SqlParams(workspace, search.limit + 1);
    const filter = ['models', workspace, search.clauses, search.orderBy];
    const terms = search.orderBy.map(({ key, descending }): OrderTerm => ({ ...ORDER[key], descending }));
    if (!search.orderBy.some(({ key }) => key === 'name')) terms.push({ ...ORDER['name'], descending: false });
    const prompts = asksForPrompts(search.clauses);
    const clauses = search.clauses.filter((clause) => prompts || clause.key !== PROMPT_TAG);
    const conditions = [
      'm.workspace = $1',
      prompts ? 'TRUE' : 'NOT m.is_prompt',
      ...clauses.map((clause) => clauseSql(clause, params)),
      afterTokenSql(terms, search.pageToken, filter, params),
    ];
    const rows = await db.query<ModelRow>(
      pageSql({ ...PAGE, conditions, terms, limit: '$2', bytesMax: search.bytesMax }),
      params.values,
    );
    const page = pageOf(rows, { limit: search.limit, terms, filter });
    return { models: page.rows.map(toModel), nextPageToken: page.nextPageToken };
  }

  async setDescription(tx: Transaction, workspace: string, name: string, description: string | undefined): Promise<void> {
    await tx.query(
      `UPDATE registered_models SET description = $3, last_updated_ms = $4, revision = revision + 1
       WHERE workspace = $1 AND name = $2`,
      [workspace, name, description ?? null, this.nowMs()],
    );
  }

  async rename(tx: Transaction, workspace: string, name: string, newName: string): Promise<void> {
    const nowMs = this.nowMs();
    await tx.query(RETIRE_NAME, [workspace, name]);
    try {
      await tx.query(
        'UPDATE registered_models SET name = $3, last_updated_ms = $4, revision = revision + 1 WHERE workspace = $1 AND name = $2',
        [workspace, name, newName, nowMs],
      );
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      throw RegistryErrors.MODEL_EXISTS(`Registered Model (name=${newName}) already exists.`, { name: newName }, error);
    }
    await tx.query(GO_ON_WITH_NUMBERS, [workspace, newName]);
    await tx.query('UPDATE model_versions SET last_updated_ms = $3 WHERE workspace = $1 AND model_name = $2', [
      workspace,
      newName,
      nowMs,
    ]);
    for (const table of ['alias_history', 'approvals']) {
      await tx.query(`UPDATE ${table} SET model_name = $3 WHERE workspace = $1 AND model_name = $2`, [workspace, name, newName]);
    }
  }

  async delete(tx: Transaction, workspace: string, name: string): Promise<void> {
    await tx.query(RETIRE_NAME, [workspace, name]);
    await tx.query('DELETE FROM registered_models WHERE workspace = $1 AND name = $2', [workspace, name]);
  }

  async setTag(tx: Transaction, workspace: string, name: string, tag: Tag): Promise<void> {
    await tx.query(
      `INSERT INTO registered_model_tags (workspace, model_name, key, value) VALUES ($1, $2, $3, $4)
       ON CONFLICT (workspace, model_name, key) DO UPDATE SET value = excluded.value`,
      [workspace, name, tag.key, tag.value],
    );
    if (tag.key === PROMPT_TAG) await tx.query(REFRESH_PROMPT_MARK, [workspace, name]);
  }

  async deleteTag(tx: Transaction, workspace: string, name: string, key: string): Promise<void> {
    await tx.query('DELETE FROM registered_model_tags WHERE workspace = $1 AND model_name = $2 AND key = $3', [
      workspace,
      name,
      key,
    ]);
    if (key === PROMPT_TAG) await tx.query(REFRESH_PROMPT_MARK, [workspace, name]);
  }

  async nextEventVersion(tx: Transaction, workspace: string, name: string): Promise<number> {
    const [row] = await tx.query<{ event_version: string }>(
      'UPDATE registered_models SET event_version = event_version + 1 WHERE workspace = $1 AND name = $2 RETURNING event_version',
      [workspace, name],
    );
    return Number(row.event_version);
  }

  private nowMs(): number {
    return this.clock.now().getTime();
  }
}

function clauseSql(clause: FilterClause, params: SqlParams): string {
  if (clause.entity === 'attribute') return compareSql('m.name', clause, params);
  return keyValueSql('registered_model_tags', 'kv.workspace = m.workspace AND kv.model_name = m.name', clause, params);
}

function toModel(row: ModelRow): RegisteredModel {
  return {
    name: row.name,
    description: row.description ?? undefined,
    creationMs: Number(row.creation_ms),
    lastUpdatedMs: Number(row.last_updated_ms),
    lastVersion: row.last_version,
    isPrompt: row.is_prompt,
    revision: Number(row.revision),
    tags: row.tags ?? [],
    aliases: row.aliases ?? [],
  };
}
