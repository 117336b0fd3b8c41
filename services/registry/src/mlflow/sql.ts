// SPDX-License-Identifier: Apache-2.0
import { isAppError } from '#libs/errors';
import { decodePageToken, encodePageToken, type KeyKind, type KeysetValue } from '#libs/persistence';
import { RegistryErrors } from '../registry.errors';
import type { FilterClause } from './filter';

/** Collects the parameters of one statement and hands out their placeholders. */
export class SqlParams {
  readonly values: unknown[];

  constructor(...values: unknown[]) {
    this.values = [...values];
  }

  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** `<column> <comparator> <value>`; LIKE has no escape character, as on the stock server. */
export function compareSql(column: string, clause: Pick<FilterClause, 'comparator' | 'value'>, params: SqlParams): string {
  const { comparator, value } = clause;
  if (comparator === 'IN') return `${column} = ANY(${params.add(value)})`;
  if (comparator === 'NOT IN') return `${column} <> ALL(${params.add(value)})`;
  const operator = comparator === '!=' ? '<>' : comparator;
  const escape = comparator.endsWith('LIKE') ? ` ESCAPE ''` : '';
  return `${column} ${operator} ${params.add(value)}${castOf(value)}${escape}`;
}

// Without a cast the driver takes the type of the column, and refuses 1.5 or 1e30 for an integer one.
function castOf(value: unknown): string {
  if (typeof value !== 'number') return '';
  return Number.isSafeInteger(value) ? '::bigint' : '::float8';
}

/** EXISTS over a key-value table whose rows hang on the outer row by `link`; `!=` needs the key to be there. */
export function keyValueSql(table: string, link: string, clause: FilterClause, params: SqlParams): string {
  const key = `kv.key = ${params.add(clause.key)}`;
  const from = `SELECT 1 FROM ${table} kv WHERE ${link} AND ${key}`;
  if (clause.comparator === 'IS NULL') return `NOT EXISTS (${from})`;
  if (clause.comparator === 'IS NOT NULL') return `EXISTS (${from})`;
  if (clause.comparator === '=') {
    // The second condition is for the index on the prefix; the first one decides.
    const value = params.add(clause.value);
    return `EXISTS (${from} AND kv.value = ${value} AND left(kv.value, 100) = left(${value}, 100))`;
  }
  return `EXISTS (${from} AND ${compareSql('kv.value', clause, params)})`;
}

/** One sort column. It must never be null: wrap it, and sort by null-ness in a term before it. */
export interface OrderTerm {
  sql: string;
  descending: boolean;
  type: 'bigint' | 'float8' | 'text';
}

/** ORDER BY list of the terms. */
export function orderSql(terms: readonly OrderTerm[]): string {
  return terms.map((term) => `${term.sql} ${term.descending ? 'DESC' : 'ASC'}`).join(', ');
}

/** Sort columns for the select list, read back by `pageToken`. */
export function keySelectSql(terms: readonly OrderTerm[]): string {
  return terms.map((term, index) => `${term.sql} AS sort_${index}`).join(', ');
}

/** Rows strictly after the token's row. The first term alone is repeated outside the OR, so that an index range can serve it. */
export function afterTokenSql(terms: readonly OrderTerm[], token: string, filter: unknown, params: SqlParams): string {
  const keys = readToken(token, terms, filter);
  if (!keys) return 'TRUE';
  const places = terms.map((term, index) => `${params.add(keys[index])}::${term.type}`);
  const steps = terms.map((term, index) => {
    const equal = terms.slice(0, index).map((before, position) => `${before.sql} = ${places[position]}`);
    return [...equal, `${term.sql} ${term.descending ? '<' : '>'} ${places[index]}`].join(' AND ');
  });
  const first = terms[0];
  return `${first.sql} ${first.descending ? '<=' : '>='} ${places[0]} AND (${steps.map((step) => `(${step})`).join(' OR ')})`;
}

export interface PageStatement {
  /** Of `alias`; read of the rows of the page only. */
  columns: string;
  alias: string;
  from: string;
  conditions: readonly string[];
  terms: readonly OrderTerm[];
  /** Placeholder of the limit plus one. */
  limit: string;
  /** UTF-8 bytes of what a row brings into the page. */
  bytes: string;
  bytesMax: number;
}

/** The first rows in order, as many as fit into a page together and one at least; each says how many were found up to the limit. */
export function pageSql({ columns, alias, from, conditions, terms, limit, bytes, bytesMax }: PageStatement): string {
  const keyBytes = terms.filter(({ type }) => type === 'text').map(({ sql }) => ` + octet_length(${sql})`);
  const keys = terms.map((_term, index) => ({ ...terms[index], sql: `sort_${index}` }));
  return `SELECT ${columns}, ${keys.map(({ sql }) => `${alias}.${sql}`).join(', ')}, ${alias}.rows_found
    FROM (SELECT found.*, row_number() OVER place AS row_place, sum(row_bytes) OVER place AS bytes_through,
        count(*) OVER () AS rows_found
      FROM (SELECT ${alias}.*, ${keySelectSql(terms)}, ${bytes}${keyBytes.join('')} AS row_bytes FROM ${from}
        WHERE ${conditions.join(' AND ')} ORDER BY ${orderSql(terms)} LIMIT ${limit}) found
      WINDOW place AS (ORDER BY ${orderSql(keys)} ROWS UNBOUNDED PRECEDING)) ${alias}
    WHERE ${alias}.row_place = 1 OR ${alias}.bytes_through <= ${bytesMax} ORDER BY ${alias}.row_place`;
}

/** One page of rows of `pageSql`, or of rows that were read with one more than the limit, and the token of the next page ('' = last). */
export function pageOf<Row extends object>(
  rows: Row[],
  page: { limit: number; terms: readonly OrderTerm[]; filter: unknown },
): { rows: Row[]; nextPageToken: string } {
  const kept = rows.slice(0, page.limit);
  const { rows_found: found = rows.length } = (rows[0] ?? {}) as { rows_found?: string };
  if (Number(found) <= kept.length) return { rows, nextPageToken: '' };
  const last = kept.at(-1) as Record<string, unknown>;
  const keys = page.terms.map((_term, index) => last[`sort_${index}`] as KeysetValue);
  return { rows: kept, nextPageToken: encodePageToken(keys, page.filter) };
}

const KINDS: Record<OrderTerm['type'], KeyKind> = { bigint: 'integer', float8: 'number', text: 'text' };

function readToken(token: string, terms: readonly OrderTerm[], filter: unknown): KeysetValue[] | undefined {
  try {
    const kinds = terms.map(({ type }) => KINDS[type]);
    return decodePageToken(token, kinds, filter);
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw RegistryErrors.INVALID_PARAMETER(`Invalid page token, ${error.message}`, error.details, error);
  }
}
