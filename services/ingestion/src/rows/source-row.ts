// SPDX-License-Identifier: Apache-2.0

/** Why a row of an upload was refused. A closed set: it labels metrics and answers. */
export const quarantineReasons = [
  'invalid_json',
  'not_an_object',
  'invalid_utf8',
  'nul_byte',
  'line_too_long',
  'duplicate_key',
  'too_deep',
  'wrong_type',
  'missing_column',
  'column_count',
  'invalid_csv',
  'reserved_field',
  'invalid_row_id',
] as const;
export type QuarantineReason = (typeof quarantineReasons)[number];

/** What is wrong with one row. */
export interface RowFault {
  reason: QuarantineReason;
  /** Names the column or the position. */
  detail: string;
  /** First characters of the row, printable. */
  sample: string;
}

/** One row as it came: good with its JSON text, or refused with its fault. */
export interface SourceRow {
  /** Line (JSONL, CSV) or row number (Parquet) in the source, from 1. */
  line: number;
  /** The row as a JSON object's text, exactly as written: numbers keep all their digits. */
  json?: string;
  /** The parsed row, for checks only. */
  value?: Record<string, unknown>;
  fault?: RowFault;
}

const SAMPLE_CHARACTERS = 200;

/** The start of a row with control characters made visible, so that a listing cannot be broken by what it lists. */
export function printableSample(source: Buffer | string): string {
  const text = typeof source === 'string' ? source : source.subarray(0, SAMPLE_CHARACTERS * 4).toString('utf8');

  return text.slice(0, SAMPLE_CHARACTERS).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
