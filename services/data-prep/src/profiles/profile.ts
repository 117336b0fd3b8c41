// SPDX-License-Identifier: Apache-2.0
import type { CurvePoint } from '../near-duplicates/select-survivors';

/** Numbers over many values. Histogram bin i holds edges[i] <= v < edges[i + 1]; the last bin holds its upper edge too. */
export interface Distribution {
  count: number;
  min: number;
  max: number;
  mean: number;
  standardDeviation: number;
  quantiles: { p5: number; p25: number; p50: number; p75: number; p95: number; p99: number };
  histogram: { edges: number[]; counts: number[]; scale: 'linear' | 'log' };
  exact: boolean;
}

export interface KeyProfile {
  path: string;
  present: number;
  /** Rows without the key plus rows where it is null. */
  missing: number;
  missingShare: number;
  types: Record<string, number>;
}

export interface ColumnProfile {
  name: string;
  kind: 'number' | 'text' | 'boolean' | 'mixed';
  distinct: number;
  /** Most frequent values, masked and cut. */
  top: { value: string; count: number }[];
  numbers?: Distribution;
}

export type Severity = 'high' | 'medium' | 'low';

export interface ProfileAlert {
  severity: Severity;
  code: string;
  message: string;
  value: number;
  threshold: number;
  column?: string;
}

export interface NearDuplicateProfile {
  field: string;
  shingleWords: number;
  threshold: number;
  rowsCompared: number;
  removed: number;
  removedShare: number;
  exact: boolean;
  curve: CurvePoint[];
  /** Sizes of groups with copies, how many groups have each. */
  groupSizes: { size: number; groups: number }[];
  largest: { keptRowId: string; sample: string; copies: number; example: { rowId: string; sample: string; jaccard: number } }[];
}

export interface PiiProfile {
  type: string;
  rows: number;
  findings: number;
  samples: { rowId: string; field: string; value: string }[];
}

/** Result of profiling one dataset version. Every number over all rows unless its `exact` says otherwise. */
export interface Profile {
  schema: 'millrace.profile/v1';
  dataset: { name: string; versionId: string; version: number; contentDigest: string };
  rows: number;
  bytes: number;
  quarantined: { rows: number; byReason: Record<string, number> };
  keys: KeyProfile[];
  /** Key paths beyond the bound that were not listed. */
  keysLeftOut: number;
  columns: ColumnProfile[];
  text?: {
    field: string;
    characters: Distribution;
    words: Distribution;
    tokens: Distribution & { tokenizer: string };
    /** Rows longer than usual context sizes. */
    contexts: { tokens: number; rowsAbove: number; shareAbove: number }[];
  };
  duplicates: {
    exact: { removed: number; removedShare: number; groups: number; exact: true };
    near?: NearDuplicateProfile;
  };
  labels?: { field: string; counts: { label: string; count: number; share: number }[]; labelsLeftOut: number; evenness: number };
  pii: PiiProfile[];
  alerts: ProfileAlert[];
  provenance: { tool: string; seconds: number; tokenizer: string; rowOrder: 'version'; completeTime: string };
}
