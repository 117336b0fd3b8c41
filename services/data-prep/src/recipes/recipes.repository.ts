// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { LedgerEntry } from './ledger-entry';
import type { PlacedEntry, RecipeRecord, RecipeRunRecord } from './recipe-record';

export abstract class RecipesRepository {
  /** Inserts the recipe as the next version of its name. */
  abstract insert(tx: Transaction, recipe: Omit<RecipeRecord, 'version'>): Promise<RecipeRecord>;
  /** Version 0 = newest. */
  abstract find(db: Queryable, workspace: string, name: string, version: number): Promise<RecipeRecord | undefined>;
  /** The newest version of each, by name. */
  abstract list(db: Queryable, workspace: string, page: { size: number; afterName?: string }): Promise<RecipeRecord[]>;
}

export abstract class RecipeRunsRepository {
  abstract insert(tx: Transaction, run: RecipeRunRecord): Promise<void>;
  abstract find(db: Queryable, workspace: string, id: string, options?: { lock: boolean }): Promise<RecipeRunRecord | undefined>;
  /** Newest first; without texts and reports. */
  abstract list(db: Queryable, workspace: string, page: { size: number; beforeId?: string }): Promise<RecipeRunRecord[]>;
  abstract update(db: Queryable, run: RecipeRunRecord): Promise<void>;
}

export abstract class LedgerRepository {
  /** Adds entries of one try, in order from `position`. */
  abstract insert(
    db: Queryable,
    at: { workspace: string; runId: string; fence: string; position: number },
    entries: LedgerEntry[],
  ): Promise<void>;
  /** Makes the entries of one try the run's ledger: others are not shown. */
  abstract publish(tx: Transaction, workspace: string, runId: string, fence: string): Promise<void>;
  /** Removes entries of tries before `fence`, at most `limit` of them; says how many. */
  abstract removeOlder(tx: Transaction, at: { workspace: string; runId: string; fence: string }, limit: number): Promise<number>;
  /** In order; of one row where `rowId` is given. */
  abstract list(
    db: Queryable,
    at: { workspace: string; runId: string },
    page: { size: number; afterPosition?: number; rowId?: string },
  ): Promise<PlacedEntry[]>;
}
