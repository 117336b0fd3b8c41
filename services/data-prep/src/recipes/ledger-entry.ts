// SPDX-License-Identifier: Apache-2.0
import type { RecipeStep } from './recipe';
import type { RecipeRow } from './recipe-rows';

/** Why a row is gone, or what was changed in it. */
export interface LedgerEntry {
  rowId: string;
  ordinal: number;
  /** Position of the step in the recipe, from 0. */
  stepIndex: number;
  step: RecipeStep['kind'];
  action: 'dropped' | 'changed';
  rule: string;
  /** What the row had, masked and cut. */
  value: string | null;
  threshold: string | null;
  /** Row kept in this one's place. */
  keptRowId: string | null;
  /** Exact Jaccard with the kept row. */
  jaccard: number | null;
}

/** What a step did with a row. Without `row` it is dropped, and `entry` says why. */
export interface RowResult {
  row?: RecipeRow;
  changed?: boolean;
  /** Characters of the texts that the step made. */
  made?: number;
  entry?: Pick<LedgerEntry, 'action' | 'rule' | 'value' | 'threshold'> & Partial<Pick<LedgerEntry, 'keptRowId' | 'jaccard'>>;
}
