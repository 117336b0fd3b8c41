// SPDX-License-Identifier: Apache-2.0
import type { WorkState } from '../jobs/job';
import type { LedgerEntry } from './ledger-entry';
import type { RecipeReport } from './run-recipe';

/** One version of a named recipe. */
export interface RecipeRecord {
  workspace: string;
  name: string;
  version: number;
  text: string;
  digest: string;
  createdBy: string;
  createTime: Date;
}

export interface RunOutput {
  split: string;
  datasetName: string;
  datasetVersionId: string;
  contentDigest: string;
  rows: number;
}

/** A run of a recipe over a dataset version. */
export interface RecipeRunRecord {
  workspace: string;
  id: string;
  recipeName: string;
  recipeDigest: string;
  recipeText: string;
  inputVersionId: string;
  outputDataset: string;
  tags: Record<string, string>;
  state: WorkState;
  stage: string;
  rowsRead: number;
  rowsTotal: number;
  attempts: number;
  report: RecipeReport | null;
  outputs: RunOutput[];
  errorCode: string;
  errorMessage: string;
  createdBy: string;
  revision: number;
  createTime: Date;
  updateTime: Date;
}

/** An entry with its place in the run's ledger. */
export type PlacedEntry = LedgerEntry & { position: number };

export function isEnded(run: Pick<RecipeRunRecord, 'state'>): boolean {
  return run.state === 'succeeded' || run.state === 'failed' || run.state === 'cancelled';
}

/** Dataset of an output: the run's own, or "<name>-<output>" for the outputs of a split. */
export function outputDatasetName(outputDataset: string, split: string, isSplit: boolean): string {
  return isSplit ? `${outputDataset}-${split}` : outputDataset;
}
