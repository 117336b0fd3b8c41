// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { RecipeRecord } from './recipe-record';
import { RecipesRepository } from './recipes.repository';

interface RecipeTableRow {
  workspace: string;
  name: string;
  version: number;
  text: string;
  digest: string;
  created_by: string;
  create_time: Date;
}

@Injectable()
export class TypeormRecipesRepository extends RecipesRepository {
  async insert(tx: Transaction, recipe: Omit<RecipeRecord, 'version'>): Promise<RecipeRecord> {
    // Two that save the same name at once take turns, so that versions have no gap and no double.
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`recipe ${recipe.workspace} ${recipe.name}`]);
    const [row] = await tx.query<RecipeTableRow>(
      `insert into recipes (workspace, name, version, text, digest, created_by, create_time)
       select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6 from recipes where workspace = $1 and name = $2 returning *`,
      [recipe.workspace, recipe.name, recipe.text, recipe.digest, recipe.createdBy, recipe.createTime],
    );
    return toRecord(row);
  }

  async find(db: Queryable, workspace: string, name: string, version: number): Promise<RecipeRecord | undefined> {
    const [row] = await db.query<RecipeTableRow>(
      'select * from recipes where workspace = $1 and name = $2 and ($3 = 0 or version = $3) order by version desc limit 1',
      [workspace, name, version],
    );
    return row && toRecord(row);
  }

  async list(db: Queryable, workspace: string, page: { size: number; afterName?: string }): Promise<RecipeRecord[]> {
    const rows = await db.query<RecipeTableRow>(
      `select distinct on (name) * from recipes where workspace = $1 and name > $2 order by name, version desc limit $3`,
      [workspace, page.afterName ?? '', page.size],
    );
    return rows.map(toRecord);
  }
}

function toRecord(row: RecipeTableRow): RecipeRecord {
  const { created_by: createdBy, create_time: createTime, ...rest } = row;
  return { ...rest, createdBy, createTime };
}
