// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { CommonErrors, invalidFields } from '#libs/errors';
import { DataPrepSettings } from '../config';
import type { Caller } from '../datasets/caller';
import { DatasetVersions } from '../datasets/dataset-versions';
import { maskedText } from '../redaction/redact-text';
import { rowsOf } from './execute-recipe-run';
import { FindRecipe, type RecipeReference } from './find-recipe';
import type { LedgerEntry } from './ledger-entry';
import { pseudonymKey } from './pseudonym-key';
import { formatJson, type RecipeRow } from './recipe-rows';
import { MemorySpill } from './row-spills';
import { runRecipe, type RecipeReport } from './run-recipe';

export interface RecipePreview extends RecipeReport {
  /** True if the version has more rows than were read. */
  partial: boolean;
  samples: { entry: LedgerEntry; row: string }[];
}

const SAMPLES_PER_STEP = 10;
const ROW_CHARACTERS_MAX = 500;
/** Of the rows that are read, which a preview may hold in memory; and what map steps may make of them. */
const READ_CHARACTERS_MAX = 32 * 1024 * 1024;
const MADE_CHARACTERS_MAX = 2 * READ_CHARACTERS_MAX;

/** Says what each step of a recipe would do to the first rows of a version. Writes nothing. */
@Injectable()
export class PreviewRecipe {
  private running = 0;

  constructor(
    private readonly recipes: FindRecipe,
    private readonly versions: DatasetVersions,
    private readonly settings: DataPrepSettings,
  ) {}

  async execute(
    caller: Caller,
    input: RecipeReference & { inputVersion: string; rowsMax: number; signal: AbortSignal },
  ): Promise<RecipePreview> {
    const { previewRowsMax } = this.settings;
    if (input.rowsMax < 0 || input.rowsMax > previewRowsMax)
      throw invalidFields({ field: 'rows_max', message: `must be between 0 and ${previewRowsMax}` });
    const { recipe } = await this.recipes.resolve(caller, input);
    const version = await this.versions.get(caller.workspace, input.inputVersion);
    const rowsMax = input.rowsMax || previewRowsMax;
    const samples: RecipePreview['samples'] = [];
    const perStep = new Map<number, number>();
    const sink = {
      ledger: async () => undefined,
      output: async () => undefined,
      dropped: (row: RecipeRow, entry: LedgerEntry) => {
        const seen = perStep.get(entry.stepIndex) ?? 0;
        perStep.set(entry.stepIndex, seen + 1);
        if (seen < SAMPLES_PER_STEP) samples.push({ entry, row: maskedText(formatJson(row.data), ROW_CHARACTERS_MAX) });
      },
    };
    const bytes = this.versions.export(caller.workspace, version.id, input.signal);
    const rows = firstRows(rowsOf(bytes, READ_CHARACTERS_MAX), rowsMax);
    const report = await this.bounded(() =>
      runRecipe(recipe, rows, sink, {
        pseudonymKey: pseudonymKey(this.settings, caller.workspace),
        spill: () => new MemorySpill(),
        rowsMax,
        madeMax: MADE_CHARACTERS_MAX,
        guards: 'report',
        signal: input.signal,
      }),
    );
    return { ...report, partial: version.rowsKept > report.rowsRead, samples };
  }

  /** Previews hold their rows in memory, so few run at once. */
  private async bounded<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.settings.jobsRunningMax)
      throw CommonErrors.RESOURCE_EXHAUSTED('too many previews run at once; try again soon');
    this.running++;
    try {
      return await work();
    } finally {
      this.running--;
    }
  }
}

async function* firstRows(batches: AsyncIterable<RecipeRow[]>, rowsMax: number): AsyncIterable<RecipeRow[]> {
  let left = rowsMax;
  for await (const batch of batches) {
    yield batch.slice(0, left);
    left -= batch.length;
    if (left <= 0) return;
  }
}
