// SPDX-License-Identifier: Apache-2.0
import type { SurvivorPolicy } from '../near-duplicates/select-survivors';
import type { PiiType } from '../redaction/detect-pii';
import type { Expression } from './expression';
import type { Template } from './template';

export interface SelectStep {
  kind: 'select';
  fields: string[];
}

export interface MapStep {
  kind: 'map';
  rename: { from: string; to: string }[];
  set: { field: string; template: Template }[];
  remove: string[];
  /** What happens to a row that lacks a value which a template needs. */
  onMissing: 'drop' | 'null';
}

export interface FilterStep {
  kind: 'filter';
  where: Expression;
}

export interface RedactStep {
  kind: 'redact_pii';
  /** Empty = every text in the row, also nested ones. */
  fields: string[];
  types: PiiType[];
  pseudonymDigits: number;
}

export interface ExactDedupStep {
  kind: 'exact_dedup';
  /** Empty = the whole row. */
  fields: string[];
  /** Compare after NFKC, lower case and collapsed white space. */
  normalise: boolean;
  keep: SurvivorPolicy;
}

export interface NearDedupStep {
  kind: 'near_dedup';
  field: string;
  threshold: number;
  shingleWords: number;
  keep: SurvivorPolicy;
}

export interface SplitStep {
  kind: 'split';
  outputs: { name: string; share: number }[];
  field: string;
  threshold: number;
  shingleWords: number;
  groupBy?: string;
  seed: string;
}

export type RecipeStep = (SelectStep | MapStep | FilterStep | RedactStep | ExactDedupStep | NearDedupStep | SplitStep) & {
  /** Line of the step in the recipe, from 1. */
  line: number;
  /** The run is refused when the step removes more than this share of the rows that reach it. 1 = no guard. */
  removedShareMax: number;
};

export interface Recipe {
  name: string;
  textField: string;
  steps: RecipeStep[];
  /** sha256 (hex) of the recipe's text. */
  digest: string;
}

/** Output of a recipe that does not split. */
export const WHOLE_OUTPUT = 'all';
