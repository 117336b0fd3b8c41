// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto';
import type { RowIdSet } from './row-id-set';
import { printableSample, type SourceRow } from './source-row';

/** Name of the column that carries a row's id in exports. */
export const ROW_ID = '_row_id';

const ROW_ID_PATTERN = /^[\x21-\x7e]{1,200}$/;

/** A row ready to be stored: its JSON text begins with its id. */
export interface StoredRow {
  rowId: string;
  json: string;
}

/** The id of a row: from the sha256 (hex) of its JSON text and its position among the kept rows. */
export function rowIdOf(sha256: string, ordinal: number): string {
  return `${sha256.slice(0, 12)}-${ordinal}`;
}

/** How the JSON text of a row begins once it has its id. */
export function rowIdPrefix(rowId: string): string {
  return `{"${ROW_ID}":"${rowId}"`;
}

const ID_STARTS = `{"${ROW_ID}":"`;
const DIGITS_MAX = 16;
const ZERO = 0x30;

/** The bytes of `rowIdPrefix(rowIdOf(...))` and a comma, made without making a text for every row. */
export class RowIdPrefix {
  readonly bytes = Buffer.alloc(ID_STARTS.length + 13 + DIGITS_MAX + 2, `${ID_STARTS}------------0`, 'latin1');
  length = 0;

  set(sha256: string, ordinal: number): void {
    const { bytes } = this;
    let at = ID_STARTS.length;
    for (let i = 0; i < 12; i += 1) bytes[at++] = sha256.charCodeAt(i);
    bytes[at++] = 0x2d;
    let digits = 1;
    for (let rest = ordinal; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
    let left = ordinal;
    for (let i = at + digits - 1; i >= at; i -= 1) {
      const tenth = Math.floor(left / 10);
      bytes[i] = ZERO + left - tenth * 10;
      left = tenth;
    }
    at += digits;
    bytes[at++] = 0x22;
    bytes[at++] = 0x2c;
    this.length = at;
  }
}

/**
 * Gives a row its id: `<12 hex of its content's sha256>-<position>`, so that equal rows are told apart and a copy in
 * another version is recognised by its first part. With `keptIds` a row keeps the id that it carries (rows derived from
 * another version, so that one id names a row through all steps), unless a row before it had the same.
 */
export function identifyRow(row: SourceRow, ordinal: number, keptIds?: RowIdSet): StoredRow | SourceRow {
  const json = row.json as string;
  const carried = row.value && Object.hasOwn(row.value, ROW_ID) ? row.value[ROW_ID] : undefined;
  const refuse = (reason: 'reserved_field' | 'invalid_row_id', detail: string): SourceRow => ({
    line: row.line,
    fault: { reason, detail, sample: printableSample(json) },
  });
  if (carried === undefined) {
    const rowId = rowIdOf(hash('sha256', json, 'hex'), ordinal);
    const rest = json.slice(1).trimStart();
    return { rowId, json: `${rowIdPrefix(rowId)}${rest === '}' ? '' : ','}${rest}` };
  }
  if (!keptIds) return refuse('reserved_field', `column "${ROW_ID}" is reserved; upload with keep_row_ids to keep the ids`);
  if (typeof carried !== 'string' || !ROW_ID_PATTERN.test(carried)) {
    return refuse('invalid_row_id', `column "${ROW_ID}" must be 1 to 200 printable characters`);
  }
  if (!keptIds.add(carried)) return refuse('invalid_row_id', `row id ${JSON.stringify(carried)} is given twice`);
  return { rowId: carried, json };
}
