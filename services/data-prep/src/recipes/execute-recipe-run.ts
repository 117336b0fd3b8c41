// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '#libs/clock';
import type { AppError } from '#libs/errors';
import type { Queryable, Transaction } from '#libs/persistence';
import { DataPrepSettings } from '../config';
import { DatasetVersions } from '../datasets/dataset-versions';
import { DataPrepMetrics } from '../jobs/data-prep.metrics';
import type { Job, JobHandler, JobLease } from '../jobs/job';
import { JobRunner } from '../jobs/job-runner';
import { inBatches, linesOf } from './json-lines';
import type { LedgerEntry } from './ledger-entry';
import { OutputFiles } from './output-files';
import { parseRecipe } from './parse-recipe';
import { pseudonymKey } from './pseudonym-key';
import type { Recipe } from './recipe';
import { outputDatasetName, type RecipeRunRecord, type RunOutput } from './recipe-record';
import { parseRow, type RecipeRow } from './recipe-rows';
import { RecipeRunEvents } from './recipe-runs.events';
import { RecipeErrors } from './recipes.errors';
import { LedgerRepository, RecipeRunsRepository } from './recipes.repository';
import { FileSpill } from './row-spills';
import { runRecipe, type RecipeReport, type RecipeSink } from './run-recipe';

const BATCH_ROWS = 1_000;
const PROGRESS_MILLISECONDS = 1_000;
/** A statement has 10 s. */
const LEFTOVERS_PER_STATEMENT = 10_000;
/** Ingestion takes no more in one version, unless it is told otherwise. */
const MADE_CHARACTERS_MAX = 8 * 1024 ** 3;

/**
 * Runs a recipe: reads the version, writes the ledger under the fence of this try, commits each output through ingestion under a
 * request id of its own. The recipe and the version never change, so a second try uploads the same bytes and gets the same versions.
 */
@Injectable()
export class ExecuteRecipeRun implements JobHandler, OnModuleInit {
  readonly kind = 'recipe-run';

  constructor(
    private readonly runs: RecipeRunsRepository,
    private readonly ledger: LedgerRepository,
    private readonly versions: DatasetVersions,
    private readonly events: RecipeRunEvents,
    private readonly runner: JobRunner,
    private readonly settings: DataPrepSettings,
    private readonly metrics: DataPrepMetrics,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.runner.register(this);
  }

  async perform(lease: JobLease): Promise<(tx: Transaction) => Promise<void>> {
    const { job } = lease;
    const run = await this.change(lease, (current) => ({
      ...current,
      state: 'running',
      stage: 'reading',
      attempts: job.attempts,
      rowsRead: 0,
    }));
    await this.removeLeftovers(lease);
    const recipe = parseRecipe(run.recipeText);
    const files = new OutputFiles(lease.folder);
    try {
      const report = await this.read(recipe, run, { lease, files });
      await this.change(lease, (current) => ({ ...current, stage: 'writing', rowsRead: report.rowsRead }));
      const outputs = await this.write(run, files, { lease, isSplit: recipe.steps.some((step) => step.kind === 'split') });
      return (tx) => this.succeed(tx, job, { report, outputs });
    } finally {
      files.close();
    }
  }

  /**
   * Entries of tries that ended before this one, of which there may be millions: removed in slices, because the transaction that ends
   * the run could not do it within the time of a statement, and the run would never end. Older tries can write no more.
   */
  private async removeLeftovers({ job, guarded }: JobLease): Promise<void> {
    const at = { workspace: job.workspace, runId: job.id, fence: job.fence };
    let removed: number;
    do removed = await guarded((tx) => this.ledger.removeOlder(tx, at, LEFTOVERS_PER_STATEMENT));
    while (removed === LEFTOVERS_PER_STATEMENT);
  }

  private async read(recipe: Recipe, run: RecipeRunRecord, to: { lease: JobLease; files: OutputFiles }): Promise<RecipeReport> {
    const { job, signal, folder } = to.lease;
    let spills = 0;
    const context = {
      pseudonymKey: pseudonymKey(this.settings, job.workspace),
      spill: () => new FileSpill(join(folder, `spill-${spills++}`)),
      rowsMax: this.settings.recipeRowsMax,
      madeMax: MADE_CHARACTERS_MAX,
      signal,
    };
    const rows = rowsOf(this.versions.export(job.workspace, run.inputVersionId, signal));
    return runRecipe(recipe, rows, this.sink(to.lease, to.files), context);
  }

  private sink({ job, guarded }: JobLease, files: OutputFiles): RecipeSink {
    let position = 0;
    let toldMs = this.clock.monotonicMs();
    return {
      ledger: async (entries: LedgerEntry[]) => {
        const at = { workspace: job.workspace, runId: job.id, fence: job.fence, position };
        await guarded((tx) => this.ledger.insert(tx, at, entries));
        position += entries.length;
      },
      output: (split, rows) => files.write(split, rows),
      progress: async ({ rowsRead }) => {
        const nowMs = this.clock.monotonicMs();
        if (nowMs - toldMs < PROGRESS_MILLISECONDS) return;
        toldMs = nowMs;
        await guarded((tx) => this.update(tx, job, (run) => ({ ...run, rowsRead })));
      },
    };
  }

  private async write(
    run: RecipeRunRecord,
    files: OutputFiles,
    how: { lease: JobLease; isSplit: boolean },
  ): Promise<RunOutput[]> {
    const outputs: RunOutput[] = [];
    for (const { split, rows, sha256, read } of await files.finish()) {
      how.lease.signal.throwIfAborted();
      const request = {
        dataset: outputDatasetName(run.outputDataset, split, how.isSplit),
        parentVersionId: run.inputVersionId,
        producedBy: `recipe-run/${run.id}`,
        tags: { ...run.tags, recipe: run.recipeName, recipe_digest: run.recipeDigest, split },
        requestId: `recipe-run/${run.id}/${split}`,
        sha256,
      };
      const version = await this.versions.commit(run.workspace, request, read(), how.lease.signal);
      outputs.push({
        split,
        datasetName: version.datasetName,
        datasetVersionId: version.id,
        contentDigest: version.contentDigest,
        rows,
      });
    }
    return outputs;
  }

  private async succeed(tx: Transaction, job: Job, made: { report: RecipeReport; outputs: RunOutput[] }): Promise<void> {
    const run = await this.update(tx, job, (current) => ({
      ...current,
      ...made,
      state: 'succeeded',
      stage: '',
      rowsRead: made.report.rowsRead,
    }));
    await this.ledger.publish(tx, job.workspace, job.id, job.fence);
    await this.events.succeeded(tx, run);
    tx.afterCommit(() => this.count(made.report));
  }

  async fail(tx: Transaction, job: Job, error: AppError): Promise<void> {
    const run = await this.update(tx, job, (current) => ({
      ...current,
      state: 'failed',
      stage: '',
      errorCode: error.code,
      errorMessage: error.message,
    }));
    // The ledger of a refused run says what it would have dropped.
    await this.ledger.publish(tx, job.workspace, job.id, job.fence);
    await this.events.failed(tx, run);
  }

  private count(report: RecipeReport): void {
    for (const output of report.outputs) this.metrics.rowsEnded('kept', output.rows);
    for (const step of report.steps) this.metrics.rowsEnded(step.kind, step.rowsIn - step.rowsOut);
  }

  private change(lease: JobLease, change: (run: RecipeRunRecord) => RecipeRunRecord): Promise<RecipeRunRecord> {
    return lease.guarded((tx) => this.update(tx, lease.job, change));
  }

  private async update(tx: Queryable, job: Job, change: (run: RecipeRunRecord) => RecipeRunRecord): Promise<RecipeRunRecord> {
    const current = await this.runs.find(tx, job.workspace, job.id, { lock: true });
    if (!current) throw RecipeErrors.RUN_NOT_FOUND(`recipe run ${job.id} not found`, { id: job.id });
    const run = { ...change(current), revision: current.revision + 1, updateTime: this.clock.now() };
    await this.runs.update(tx, run);
    return run;
  }
}

/** Exported lines as rows, with their positions; no more once there were that many characters. */
export async function* rowsOf(bytes: AsyncIterable<Uint8Array>, charactersMax = Infinity): AsyncIterable<RecipeRow[]> {
  let ordinal = 0;
  let characters = 0;
  for await (const lines of inBatches(linesOf(bytes), BATCH_ROWS)) {
    yield lines.map((line) => parseRow(line, ordinal++));
    for (const line of lines) characters += line.length;
    if (characters > charactersMax) return;
    // A recipe is work for the processor: let health checks and leases have their turn.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
