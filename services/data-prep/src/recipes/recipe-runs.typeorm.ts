// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import { isUuid } from '../datasets/read-page';
import type { WorkState } from '../jobs/job';
import { wellFormed } from './json-lines';
import type { RecipeRunRecord, RunOutput } from './recipe-record';
import { RecipeRunsRepository } from './recipes.repository';
import type { RecipeReport } from './run-recipe';

interface RunTableRow {
  workspace: string;
  id: string;
  recipe_name: string;
  recipe_digest: string;
  recipe_text: string;
  input_version_id: string;
  output_dataset: string;
  tags: Record<string, string>;
  state: WorkState;
  stage: string;
  rows_read: string;
  rows_total: string;
  attempts: number;
  report: RecipeReport | null;
  outputs: RunOutput[];
  error_code: string;
  error_message: string;
  created_by: string;
  revision: number;
  create_time: Date;
  update_time: Date;
}

/** Without what may be long: a page has a thousand runs. */
const LISTED = `workspace, id, recipe_name, recipe_digest, input_version_id, output_dataset, tags, state, stage, rows_read, rows_total,
  attempts, outputs, error_code, error_message, created_by, revision, create_time, update_time`;

@Injectable()
export class TypeormRecipeRunsRepository extends RecipeRunsRepository {
  async insert(tx: Transaction, run: RecipeRunRecord): Promise<void> {
    await tx.query(
      `insert into recipe_runs (workspace, id, recipe_name, recipe_digest, recipe_text, input_version_id, output_dataset, tags, state,
         rows_total, created_by, create_time, update_time) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      [
        run.workspace,
        run.id,
        run.recipeName,
        run.recipeDigest,
        run.recipeText,
        run.inputVersionId,
        run.outputDataset,
        JSON.stringify(run.tags),
        run.state,
        run.rowsTotal,
        run.createdBy,
        run.createTime,
        run.updateTime,
      ],
    );
  }

  async find(db: Queryable, workspace: string, id: string, options = { lock: false }): Promise<RecipeRunRecord | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await db.query<RunTableRow>(
      `select * from recipe_runs where workspace = $1 and id = $2 ${options.lock ? 'for update' : ''}`,
      [workspace, id],
    );
    return row && toRecord(row);
  }

  async list(db: Queryable, workspace: string, page: { size: number; beforeId?: string }): Promise<RecipeRunRecord[]> {
    // Ids are UUIDv7: their order is the order of creation.
    const rows = await db.query<RunTableRow>(
      `select ${LISTED}, '' as recipe_text, null as report from recipe_runs
       where workspace = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
      [workspace, page.beforeId ?? null, page.size],
    );
    return rows.map(toRecord);
  }

  async update(db: Queryable, run: RecipeRunRecord): Promise<void> {
    await db.query(
      `update recipe_runs set state = $3, stage = $4, rows_read = $5, rows_total = $6, attempts = $7, report = $8, outputs = $9,
         error_code = $10, error_message = $11, revision = $12, update_time = $13 where workspace = $1 and id = $2`,
      [
        run.workspace,
        run.id,
        run.state,
        run.stage,
        run.rowsRead,
        run.rowsTotal,
        run.attempts,
        // Rules are parts of a recipe, which may hold half a character.
        run.report ? wellFormed(JSON.stringify(run.report)) : null,
        JSON.stringify(run.outputs),
        run.errorCode,
        run.errorMessage,
        run.revision,
        run.updateTime,
      ],
    );
  }
}

function toRecord(row: RunTableRow): RecipeRunRecord {
  return {
    workspace: row.workspace,
    id: row.id,
    recipeName: row.recipe_name,
    recipeDigest: row.recipe_digest,
    recipeText: row.recipe_text,
    inputVersionId: row.input_version_id,
    outputDataset: row.output_dataset,
    tags: row.tags,
    state: row.state,
    stage: row.stage,
    rowsRead: Number(row.rows_read),
    rowsTotal: Number(row.rows_total),
    attempts: row.attempts,
    report: row.report,
    outputs: row.outputs,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    createdBy: row.created_by,
    revision: row.revision,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
