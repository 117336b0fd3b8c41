// SPDX-License-Identifier: Apache-2.0
import { invalidFields } from '#libs/errors';
import { printableSample, type SourceRow } from './source-row';

/** JSON types that an upload can demand of a column. */
export const columnTypes = ['string', 'number', 'integer', 'boolean', 'object', 'array'] as const;
export type ColumnType = (typeof columnTypes)[number];

/** Checks the demanded columns themselves; throws INVALID_ARGUMENT naming each wrong one. */
export function readColumns(columns: Record<string, string>): Map<string, ColumnType> {
  const wrong = Object.entries(columns).filter(([, type]) => !(columnTypes as readonly string[]).includes(type));
  if (wrong.length > 0) {
    const message = (type: string) => `unknown type ${JSON.stringify(type)}; known: ${columnTypes.join(', ')}`;
    throw invalidFields(...wrong.map(([name, type]) => ({ field: `columns.${name}`, message: message(type) })));
  }
  return new Map(Object.entries(columns) as [string, ColumnType][]);
}

/** Refuses a row that lacks a demanded column or holds another type in it; null counts as missing. */
export function checkColumns(row: SourceRow, columns: ReadonlyMap<string, ColumnType>): SourceRow {
  if (!row.value || columns.size === 0) return row;
  for (const [name, type] of columns) {
    const value = Object.hasOwn(row.value, name) ? row.value[name] : undefined;
    const fault = (reason: 'missing_column' | 'wrong_type', detail: string): SourceRow => ({
      line: row.line,
      fault: { reason, detail, sample: printableSample(row.json ?? '') },
    });
    if (value === undefined || value === null) return fault('missing_column', `column ${JSON.stringify(name)} is missing`);
    if (!isOfType(value, type))
      return fault('wrong_type', `column ${JSON.stringify(name)} is ${describe(value)}, expected ${type}`);
  }
  return row;
}

function isOfType(value: unknown, type: ColumnType): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && !Array.isArray(value);
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value);
  return typeof value === type;
}

function describe(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value;
}
