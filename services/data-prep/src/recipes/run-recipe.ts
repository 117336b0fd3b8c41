// SPDX-License-Identifier: Apache-2.0
import type { CurvePoint } from '../near-duplicates/select-survivors';
import type { LedgerEntry, RowResult } from './ledger-entry';
import { ExactGroups, NearGroups, type Decision, type Grouping } from './dedup-steps';
import type { Recipe, RecipeStep } from './recipe';
import { WHOLE_OUTPUT } from './recipe';
import type { RecipeRow } from './recipe-rows';
import { RecipeErrors } from './recipes.errors';
import type { RowSpill } from './row-spills';
import { SplitSides } from './split-step';
import { rowStep } from './row-steps';

export interface StepReport {
  index: number;
  kind: RecipeStep['kind'];
  line: number;
  rowsIn: number;
  rowsOut: number;
  rowsChanged: number;
  /** Dropped rows by rule. */
  droppedByRule: Record<string, number>;
  /** "% removed vs J" of a near_dedup step. */
  curve?: CurvePoint[];
}

export interface RecipeReport {
  rowsRead: number;
  steps: StepReport[];
  outputs: { split: string; rows: number }[];
  /** What a run would be refused for; only with `guards: 'report'`. */
  warnings: string[];
}

/** Where a run's results go. Calls are awaited in row order. */
export interface RecipeSink {
  ledger(entries: LedgerEntry[]): Promise<void>;
  output(split: string, rows: RecipeRow[]): Promise<void>;
  /** Called with every batch read from the source and at the end of each pass. */
  progress?(report: { step: number; rowsRead: number }): Promise<void>;
  /** Sees each dropped row, for samples. */
  dropped?(row: RecipeRow, entry: LedgerEntry): void;
}

export interface RecipeContext {
  /** Key of pseudonyms, already bound to the workspace. */
  pseudonymKey: string;
  spill: () => RowSpill;
  rowsMax: number;
  /** What the map steps may make of all rows together, in characters. */
  madeMax: number;
  /** `report` (previews): guards become warnings instead of errors. */
  guards?: 'refuse' | 'report';
  signal?: AbortSignal;
}

type Batches = AsyncIterable<RecipeRow[]>;

const TURN_MS = 50;
/** Texts that are made are handed on at this size: a batch of short rows can become any number of long ones. */
const BATCH_MADE_MAX = 256 * 1024;

/**
 * Runs a recipe over a stream of rows. Row steps are fused into one pass; a step that must see all rows first (duplicates, split)
 * writes them aside, decides, and reads them back, so memory holds signatures and never the rows.
 */
export async function runRecipe(
  recipe: Recipe,
  source: Batches,
  sink: RecipeSink,
  context: RecipeContext,
): Promise<RecipeReport> {
  return new RecipeRun(recipe, sink, context).execute(source);
}

class RecipeRun {
  private readonly report: RecipeReport;
  private turnMs = performance.now();
  private made = 0;

  constructor(
    private readonly recipe: Recipe,
    private readonly sink: RecipeSink,
    private readonly context: RecipeContext,
  ) {
    const steps = recipe.steps.map((step, index) => emptyReport(step, index));
    this.report = { rowsRead: 0, steps, outputs: [], warnings: [] };
  }

  async execute(source: Batches): Promise<RecipeReport> {
    const spills: RowSpill[] = [];
    try {
      let rows = this.counted(source);
      const splitStep = this.recipe.steps.find((step) => step.kind === 'split');
      for (const [index, step] of this.recipe.steps.entries()) {
        if (step.kind === 'split') break;
        if (step.kind === 'exact_dedup' || step.kind === 'near_dedup') {
          const spill = this.context.spill();
          spills.push(spill);
          const grouping = step.kind === 'exact_dedup' ? new ExactGroups(step) : new NearGroups(step);
          rows = await this.regroup(index, rows, grouping, spill);
        } else rows = this.stream(index, rows);
      }
      const out = splitStep ? await this.split(rows, spills) : this.whole(rows);
      await this.write(out);
      this.guardShares();
      this.guardOutputs(splitStep?.kind === 'split' ? splitStep.outputs.map((output) => output.name) : [WHOLE_OUTPUT]);
      return this.report;
    } finally {
      for (const spill of spills) await spill.dispose();
    }
  }

  private async *counted(source: Batches): Batches {
    for await (const batch of source) {
      this.context.signal?.throwIfAborted();
      this.report.rowsRead += batch.length;
      if (this.report.rowsRead > this.context.rowsMax) {
        throw RecipeErrors.INPUT_TOO_LARGE(`the input has more than ${this.context.rowsMax} rows`, {
          rowsMax: this.context.rowsMax,
        });
      }
      await this.sink.progress?.({ step: 0, rowsRead: this.report.rowsRead });
      yield batch;
    }
  }

  private async *stream(index: number, rows: Batches): Batches {
    const step = this.recipe.steps[index];
    const apply = rowStep(step, this.context.pseudonymKey);
    for await (const batch of rows) {
      let kept: RecipeRow[] = [];
      let made = 0;
      const entries: LedgerEntry[] = [];
      for (const row of batch) {
        const result = apply(row);
        if (result.row) kept.push(result.row);
        this.count(index, result);
        if (result.entry) entries.push(this.entry(index, row, result.entry));
        made += this.spend(result.made ?? 0);
        if (made > BATCH_MADE_MAX) {
          yield kept;
          [kept, made] = [[], 0];
        }
        if (this.isTurnDue()) await this.takeTurn();
      }
      if (entries.length > 0) await this.sink.ledger(entries);
      yield kept;
    }
  }

  /** Work of a row is bounded, that of a batch is not: health checks and leases have their turn within. */
  private isTurnDue(): boolean {
    return performance.now() - this.turnMs > TURN_MS;
  }

  private async takeTurn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.context.signal?.throwIfAborted();
    this.turnMs = performance.now();
  }

  private spend(made: number): number {
    this.made += made;
    const { madeMax } = this.context;
    if (this.made > madeMax)
      throw RecipeErrors.TEXT_TOO_LARGE(`the map steps make more than ${madeMax} characters of the rows`, { madeMax });
    return made;
  }

  private entry(index: number, row: RecipeRow, part: NonNullable<RowResult['entry']>): LedgerEntry {
    const entry: LedgerEntry = {
      rowId: row.id,
      ordinal: row.ordinal,
      stepIndex: index,
      step: this.recipe.steps[index].kind,
      keptRowId: null,
      jaccard: null,
      ...part,
    };
    if (entry.action === 'dropped') this.sink.dropped?.(row, entry);
    return entry;
  }

  private count(index: number, result: RowResult): void {
    const report = this.report.steps[index];
    report.rowsIn++;
    if (result.row) report.rowsOut++;
    if (result.changed) report.rowsChanged++;
    if (!result.row && result.entry) this.countDrop(report, result.entry.rule);
  }

  private countDrop(report: StepReport, rule: string): void {
    report.droppedByRule[rule] = (Object.hasOwn(report.droppedByRule, rule) ? report.droppedByRule[rule] : 0) + 1;
  }

  /** First pass: collect; then decide; the returned stream is the second pass. */
  private async regroup(index: number, rows: Batches, grouping: Grouping, spill: RowSpill): Promise<Batches> {
    for await (const batch of rows) {
      this.context.signal?.throwIfAborted();
      for (const row of batch) {
        grouping.add(row);
        if (this.isTurnDue()) await this.takeTurn();
      }
      await spill.write(batch);
    }
    await grouping.decide(this.context.signal);
    this.report.steps[index].curve = grouping.curve?.();
    await this.sink.progress?.({ step: index, rowsRead: this.report.rowsRead });
    return this.decided(index, spill, (position) => grouping.decision(position));
  }

  private async *decided(index: number, spill: RowSpill, decision: (position: number) => Decision | undefined): Batches {
    let position = 0;
    for await (const batch of spill.read()) {
      this.context.signal?.throwIfAborted();
      const kept: RecipeRow[] = [];
      const entries: LedgerEntry[] = [];
      for (const row of batch) {
        const drop = decision(position++);
        this.count(index, drop ? { entry: drop } : { row });
        if (drop) entries.push(this.entry(index, row, drop));
        else kept.push(row);
      }
      if (entries.length > 0) await this.sink.ledger(entries);
      yield kept;
    }
  }

  private async *whole(rows: Batches): AsyncIterable<{ split: string; rows: RecipeRow[] }> {
    for await (const batch of rows) yield { split: WHOLE_OUTPUT, rows: batch };
  }

  private async split(rows: Batches, spills: RowSpill[]): Promise<AsyncIterable<{ split: string; rows: RecipeRow[] }>> {
    const index = this.recipe.steps.length - 1;
    const step = this.recipe.steps[index];
    if (step.kind !== 'split') throw new TypeError('the last step is no split');
    const sides = new SplitSides(step);
    const spill = this.context.spill();
    spills.push(spill);
    const kept = await this.regroup(index, rows, sides, spill);
    return (async function* () {
      for await (const batch of kept) {
        for (const output of step.outputs) {
          const own = batch.filter((row) => sides.sideOf(row.id) === output.name);
          if (own.length > 0) yield { split: output.name, rows: own };
        }
      }
    })();
  }

  private async write(out: AsyncIterable<{ split: string; rows: RecipeRow[] }>): Promise<void> {
    const counts = new Map<string, number>();
    for await (const { split, rows } of out) {
      this.context.signal?.throwIfAborted();
      if (rows.length === 0) continue;
      counts.set(split, (counts.get(split) ?? 0) + rows.length);
      await this.sink.output(split, rows);
    }
    this.report.outputs = [...counts].map(([split, rows]) => ({ split, rows }));
  }

  private guardShares(): void {
    for (const [index, step] of this.recipe.steps.entries()) {
      const report = this.report.steps[index];
      const removed = report.rowsIn - report.rowsOut;
      if (report.rowsIn === 0 || removed / report.rowsIn <= step.removedShareMax) continue;
      const percent = ((100 * removed) / report.rowsIn).toFixed(1);
      const refusal = RecipeErrors.TOO_MANY_REMOVED(
        `steps[${index}].${step.kind} (line ${step.line}) removes ${removed} of ${report.rowsIn} rows (${percent} %), more than removed_share_max ${step.removedShareMax}`,
        {
          step: index,
          removed,
          rowsIn: report.rowsIn,
          removedShareMax: step.removedShareMax,
          droppedByRule: report.droppedByRule,
        },
      );
      this.refuse(refusal);
    }
  }

  private guardOutputs(expected: string[]): void {
    const empty = expected.filter((name) => !this.report.outputs.some((output) => output.split === name));
    if (empty.length === 0) return;
    const details = { outputs: empty, steps: this.report.steps };
    this.refuse(RecipeErrors.NOTHING_KEPT(`no row is left for output ${empty.join(', ')}`, details));
  }

  private refuse(refusal: Error): void {
    if (this.context.guards !== 'report') throw refusal;
    this.report.warnings.push(refusal.message);
  }
}

function emptyReport(step: RecipeStep, index: number): StepReport {
  return { index, kind: step.kind, line: step.line, rowsIn: 0, rowsOut: 0, rowsChanged: 0, droppedByRule: {} };
}
