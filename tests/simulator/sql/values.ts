// SPDX-License-Identifier: Apache-2.0
import { type Ast, nameOf } from './ast';

/**
 * Types and values of the engine. Integers are numbers, times and intervals are milliseconds, the rest is what pg gives.
 * 'unknown' is a parameter or a string constant whose type its place decides, as in Postgres.
 */
export type Type = string;

const ALIASES: Record<string, Type> = {
  int: 'int4',
  integer: 'int4',
  smallint: 'int4',
  int2: 'int4',
  bigint: 'int8',
  serial: 'int4',
  boolean: 'bool',
  varchar: 'text',
  bpchar: 'text',
  float4: 'float8',
  numeric: 'float8',
  json: 'jsonb',
};

export function typeOfName(typeName: Ast): Type {
  return typeNamed(nameOf(typeName.names as Ast[])) + (typeName.arrayBounds ? '[]' : '');
}

export function typeNamed(name: string): Type {
  const base = name.replace(/\[\]$/, '');
  return (ALIASES[base] ?? base) + (name.endsWith('[]') ? '[]' : '');
}

const scalarText = (value: string | number | boolean): string => String(value);

/** The text of a number, truth value or text. */
export const textOf = (value: unknown): string => scalarText(value as string | number | boolean);

export function coerce(value: unknown, type: Type): unknown {
  if (value === null || value === undefined) return null;
  if (type.endsWith('[]')) return arrayOf(value, type.slice(0, -2));
  switch (type) {
    case 'int4':
    case 'int8':
    case 'float8':
      return Number(value);
    case 'timestamptz':
      return value instanceof Date ? value.getTime() : typeof value === 'string' ? timeMs(value) : value;
    case 'interval':
      return typeof value === 'string' ? intervalMs(value) : value;
    case 'jsonb':
      return typeof value === 'string' ? parseJson(value) : value;
    case 'bool':
      return value === true || value === 't' || value === 'true';
    case 'text':
    case 'uuid':
      return typeof value === 'string' ? value : value instanceof Date ? value.toISOString() : textOf(value);
    default:
      return value;
  }
}

/** Frozen: everybody gets the object that lies in the table, and who would change it there is told. */
export const parseJson = (text: string): unknown => JSON.parse(text, (_key, value: unknown) => Object.freeze(value));

function arrayOf(value: unknown, type: Type): unknown {
  if (value === '{}') return [];
  return Array.isArray(value) ? value.map((item) => coerce(item, type)) : value;
}

/** Of ISO or of Postgres' own text; its microseconds count, which Date.parse forgets. */
function timeMs(text: string): number {
  const [, seconds, fraction = '', zone] = /^(.*?\d\d:\d\d:\d\d)(\.\d+)?(.*)$/.exec(text) ?? [];
  if (seconds === undefined) return Date.parse(text);
  return Date.parse(seconds.replace(' ', 'T') + (zone === '+00' ? 'Z' : (zone ?? ''))) + Number(`0${fraction}`) * 1_000;
}

/** As Postgres prints it in UTC: to the microsecond, without zeros at the end. */
export function timeText(atMs: unknown): unknown {
  return atMs === null ? null : printTime(atMs as number);
}

function printTime(atMs: number): string {
  const wholeMs = Math.floor(atMs);
  const micros = String(Math.floor((atMs - wholeMs) * 1_000)).padStart(3, '0');
  const [seconds, millis] = new Date(wholeMs).toISOString().replace('T', ' ').replace('Z', '').split('.');
  const fraction = `${millis}${micros}`.replace(/0+$/, '');
  return `${seconds}${fraction && '.'}${fraction}+00`;
}

const UNIT_MS: Record<string, number> = { millisecond: 1, second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };

function intervalMs(text: string): number {
  const [, count, unit] = /^(\d+) (\w+?)s?$/.exec(text) ?? [];
  return Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
}

/** As the driver gives it to the program. */
export function toDriver(value: unknown, type: Type): unknown {
  if (value === null || value === undefined) return null;
  if (type === 'int8') return textOf(value);
  if (type === 'timestamptz') return new Date(Math.floor(value as number));
  return value;
}

/** Order of two values that are not null. */
export function compare(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < a.length; i += 1) {
      const order = compare(a[i], b[i]);
      if (order !== 0) return order;
    }
    return 0;
  }
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}
