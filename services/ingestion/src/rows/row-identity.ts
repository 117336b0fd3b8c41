// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { printableSample, type SourceRow } from './source-row';

/** Name of the column that carries a row's id in exports. */
export const ROW_ID = '_row_id';

const ROW_ID_PATTERN = /^[\x21-\x7e]{1,200}$/;

/** A row ready to be stored: its JSON text begins with its id. */
export interface StoredRow {
  rowId: string;
  json: string;
}

/**
 * Gives a row its id: `<12 hex of its content's sha256>-<position>`, so that equal rows are told apart and a copy in
 * another version is recognised by its first part. With `keepRowIds` a row keeps the id that it carries (rows derived
 * from another version, so that one id names a row through all steps); `seen` refuses an id given twice.
 */
export function identifyRow(row: SourceRow, ordinal: number, keepRowIds: boolean, seen: Set<string>): StoredRow | SourceRow {
  const json = row.json as string;
  const carried = row.value && Object.hasOwn(row.value, ROW_ID) ? row.value[ROW_ID] : undefined;
  const refuse = (reason: 'reserved_field' | 'invalid_row_id', detail: string): SourceRow => ({
    line: row.line,
    fault: { reason, detail, sample: printableSample(json) },
  });
  if (carried === undefined) {
    const rowId = `${createHash('sha256').update(json).digest('hex').slice(0, 12)}-${ordinal}`;
    const rest = json.slice(1).trimStart();
    return { rowId, json: `{"${ROW_ID}":"${rowId}"${rest === '}' ? '' : ','}${rest}` };
  }
  if (!keepRowIds) return refuse('reserved_field', `column "${ROW_ID}" is reserved; upload with keep_row_ids to keep the ids`);
  if (typeof carried !== 'string' || !ROW_ID_PATTERN.test(carried)) {
    return refuse('invalid_row_id', `column "${ROW_ID}" must be 1 to 200 printable characters`);
  }
  if (seen.has(carried)) return refuse('invalid_row_id', `row id ${JSON.stringify(carried)} is given twice`);
  seen.add(carried);
  return { rowId: carried, json };
}
