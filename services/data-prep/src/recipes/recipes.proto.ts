// SPDX-License-Identifier: Apache-2.0
import { dataprep } from '#libs/contracts';
import { stateToProto } from '../jobs/work-state.proto';
import type { LedgerEntry } from './ledger-entry';
import type { RecipePreview } from './preview-recipe';
import type { RecipeRecord, RecipeRunRecord } from './recipe-record';
import type { StepReport } from './run-recipe';

function counts(values: Record<string, number>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, count]) => [name, String(count)]));
}

export function recipeToProto(recipe: RecipeRecord): dataprep.Recipe {
  const { name, version, text, digest, createdBy, createTime } = recipe;
  return { name, version, text, digest, createdBy, createTime };
}

export function stepToProto(step: StepReport): dataprep.StepReport {
  return {
    index: step.index,
    kind: step.kind,
    line: step.line,
    rowsIn: String(step.rowsIn),
    rowsOut: String(step.rowsOut),
    rowsChanged: String(step.rowsChanged),
    droppedByRule: counts(step.droppedByRule),
    curve: (step.curve ?? []).map((point) => ({ ...point, removed: String(point.removed) })),
  };
}

export function runToProto(run: RecipeRunRecord): dataprep.RecipeRun {
  return {
    id: run.id,
    recipeName: run.recipeName,
    recipeDigest: run.recipeDigest,
    recipeText: run.recipeText,
    inputVersionId: run.inputVersionId,
    outputDataset: run.outputDataset,
    state: stateToProto(run.state),
    rowsRead: String(run.rowsRead),
    rowsTotal: String(run.rowsTotal),
    stage: run.stage,
    attempts: run.attempts,
    steps: (run.report?.steps ?? []).map(stepToProto),
    outputs: run.outputs.map((output) => ({ ...output, rows: String(output.rows) })),
    errorCode: run.errorCode,
    errorMessage: run.errorMessage,
    createdBy: run.createdBy,
    etag: `"${run.revision}"`,
    createTime: run.createTime,
    updateTime: run.updateTime,
  };
}

/** As lists show it. */
export function runSummaryToProto(run: RecipeRunRecord): dataprep.RecipeRun {
  return { ...runToProto(run), recipeText: '', steps: [] };
}

export function entryToProto(entry: LedgerEntry): dataprep.LedgerEntry {
  return {
    rowId: entry.rowId,
    ordinal: String(entry.ordinal),
    stepIndex: entry.stepIndex,
    step: entry.step,
    action: entry.action,
    rule: entry.rule,
    value: entry.value ?? '',
    threshold: entry.threshold ?? '',
    keptRowId: entry.keptRowId ?? '',
    jaccard: entry.jaccard ?? undefined,
  };
}

export function previewToProto(preview: RecipePreview): dataprep.PreviewRecipeResponse {
  return {
    steps: preview.steps.map(stepToProto),
    rowsRead: String(preview.rowsRead),
    partial: preview.partial,
    rowsByOutput: counts(Object.fromEntries(preview.outputs.map((output) => [output.split, output.rows]))),
    samples: preview.samples.map(({ entry, row }) => ({ entry: entryToProto(entry), row })),
    warnings: preview.warnings,
  };
}
