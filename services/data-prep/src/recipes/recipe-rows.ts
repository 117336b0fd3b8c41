// SPDX-License-Identifier: Apache-2.0

/** A row on its way through a recipe. `id` is the row id of the input version; outputs keep it. */
export interface RecipeRow {
  id: string;
  /** Position in the input version, from 0. */
  ordinal: number;
  data: Record<string, unknown>;
}

/** Field under which ingestion exports and accepts the row id. */
export const ROW_ID_FIELD = '_row_id';

/** Private-use character that marks an integer which a JavaScript number cannot hold. */
const BIG = '\uE000int:';
const NUMBERS_AND_STRINGS = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
/** No name of a field, which may look like a marked value and is text all the same. */
const MARKED = /"\uE000int:(-?\d+)"(?!:)/g;

/** JSON.parse that keeps integers beyond 2^53 (as marked strings that `formatJson` turns back). */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replace(NUMBERS_AND_STRINGS, (token) =>
    token[0] === '"' || Number.isSafeInteger(Number(token)) ? token : `"${BIG}${token}"`,
  );
  return JSON.parse(marked);
}

export function formatJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes(BIG) ? text.replace(MARKED, '$1') : text;
}

/** Reads an exported line: an object with its row id. */
export function parseRow(line: string, ordinal: number): RecipeRow {
  const { [ROW_ID_FIELD]: id, ...data } = parseJson(line) as Record<string, unknown>;
  return { id: typeof id === 'string' ? id : String(ordinal), ordinal, data };
}

export function formatRow(row: RecipeRow): string {
  return formatJson({ [ROW_ID_FIELD]: row.id, ...row.data });
}

/** Number that an expression sees for a value, also where the value was too large for JSON numbers. */
export function asNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') {
    const text = value.startsWith(BIG) ? value.slice(BIG.length) : value.trim();
    return text === '' ? NaN : Number(text);
  }
  return typeof value === 'boolean' ? Number(value) : NaN;
}

/** Value at a dotted path of own fields; undefined where any part is missing. A field whose own name has dots is found first. */
export function getField(data: Record<string, unknown>, path: string): unknown {
  const value = Object.hasOwn(data, path) ? data[path] : path.includes('.') ? walk(data, path.split('.')) : undefined;
  return typeof value === 'string' && value.startsWith(BIG) ? asNumber(value) : value;
}

function walk(data: unknown, parts: string[]): unknown {
  let value = data;
  for (const part of parts) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    // A list has items, and no "length" that a field path could mean.
    if (Array.isArray(value) && !/^\d{1,9}$/.test(part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

/** Text of a field for length, duplicates and histograms: strings as they are, chat messages as their contents, else empty. */
export function textOf(data: Record<string, unknown>, path: string): string {
  const value = getField(data, path);
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  return value
    .map((item: unknown) => (typeof item === 'object' && item !== null ? (item as { content?: unknown }).content : item))
    .filter((content) => typeof content === 'string')
    .join('\n');
}

/** A value as text: strings as they are, lists and objects as JSON, missing and null as nothing. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}
