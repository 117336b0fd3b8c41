// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import type { Caller, Page, PageInput } from '../datasets/caller';
import { readPage } from '../datasets/read-page';
import type { PlacedEntry, RecipeRunRecord } from './recipe-record';
import { RecipeErrors } from './recipes.errors';
import { LedgerRepository, RecipeRunsRepository } from './recipes.repository';

/** Reads runs and their ledgers: "why is row X gone?". */
@Injectable()
export class FindRecipeRuns {
  constructor(
    private readonly database: Database,
    private readonly runs: RecipeRunsRepository,
    private readonly ledger: LedgerRepository,
  ) {}

  async execute(caller: Caller, id: string): Promise<RecipeRunRecord> {
    const run = await this.runs.find(this.database, caller.workspace, id);
    if (!run) throw RecipeErrors.RUN_NOT_FOUND(`recipe run ${JSON.stringify(id)} not found`, { id });
    return run;
  }

  list(caller: Caller, input: PageInput): Promise<Page<RecipeRunRecord>> {
    return readPage(input, {
      filter: { list: 'recipe-runs', workspace: caller.workspace },
      read: (size, after) => this.runs.list(this.database, caller.workspace, { size, beforeId: after as string | undefined }),
      keyOf: (run) => run.id,
      kind: 'uuid',
    });
  }

  /** In the order of the steps' work; only of one row where `rowId` is set. Throws RUN_NOT_FOUND. */
  async ledgerOf(caller: Caller, runId: string, input: PageInput & { rowId?: string }): Promise<Page<PlacedEntry>> {
    await this.execute(caller, runId);
    const rowId = input.rowId || undefined;
    return readPage(input, {
      filter: { list: 'ledger', workspace: caller.workspace, runId, rowId },
      read: (size, after) =>
        this.ledger.list(
          this.database,
          { workspace: caller.workspace, runId },
          { size, afterPosition: after as number | undefined, rowId },
        ),
      keyOf: (entry) => entry.position,
      kind: 'integer',
    });
  }
}
