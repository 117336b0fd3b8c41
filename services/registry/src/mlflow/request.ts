// SPDX-License-Identifier: Apache-2.0
import { invalidParameter } from '../registry.errors';
import { invalidValue, missingValue } from './limits';

type FieldType = 'string' | 'int' | 'float' | 'bool' | 'array' | 'strings' | 'enum';

/** What one field of an MLflow request may be. */
export interface FieldRule {
  type: FieldType;
  required?: boolean;
  /** Largest number, for `int`. */
  max?: number;
  /** Names in the order of their numbers from `enumStart`, for `enum`. */
  names?: readonly string[];
}

export type Rules = Record<string, FieldRule>;

const SEE_DOCS = ' See the API docs for more information about request parameters.';

/** The fields of a request that passed its rules. Absent fields stay absent: some doors tell absent from empty. */
export class MlflowRequest {
  constructor(private readonly fields: Readonly<Record<string, unknown>>) {}

  has(field: string): boolean {
    return this.fields[field] !== undefined && this.fields[field] !== null;
  }

  /** The string, or '' when absent (proto2 default). */
  string(field: string): string {
    return (this.fields[field] as string | undefined) ?? '';
  }

  number(field: string, absent = 0): number {
    return this.has(field) ? (this.fields[field] as number) : absent;
  }

  bool(field: string): boolean {
    return this.fields[field] === true;
  }

  strings(field: string): string[] {
    return (this.fields[field] as string[] | undefined) ?? [];
  }

  /** Objects of an array field; anything else in it is refused with its index. */
  objects(field: string): Record<string, unknown>[] {
    const items = (this.fields[field] as unknown[] | undefined) ?? [];
    items.forEach((item, index) => {
      if (typeof item !== 'object' || item === null || Array.isArray(item)) throw wrongType(`${field}[${index}]`, item);
    });
    return items as Record<string, unknown>[];
  }
}

/**
 * Reads a request as MLflow's own server does: fields of a query string or a JSON object by their proto name (or its
 * camelCase form), unknown ones ignored, int64 as number or string, no coercion of JSON types, null counts as missing.
 */
export function parseMlflowRequest(input: { query?: unknown; body?: unknown }, rules: Rules): MlflowRequest {
  const query = asObject(input.query);
  const fromQuery = input.body === undefined;
  // Some clients send their object as a JSON text within a JSON text.
  const sent = typeof input.body === 'string' ? parseJson(input.body) : input.body;
  const body = fromQuery ? query : asObject(sent);
  const fields: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(rules)) {
    // run_uuid is what old clients call run_id.
    const raw = body[name] ?? body[camelCase(name)] ?? (name === 'run_id' ? body['run_uuid'] : undefined);
    const value = fromQuery ? fromText(name, raw, rule) : raw;
    fields[name] = check(name, value, rule);
  }
  // After the fields: the stock server's clients know the message of the missing one.
  if (!fromQuery && (typeof sent !== 'object' || sent === null || Array.isArray(sent)))
    throw invalidParameter(`The request body must be a JSON object.${SEE_DOCS}`);
  return new MlflowRequest(fields);
}

function check(name: string, value: unknown, rule: FieldRule): unknown {
  if (value === undefined || value === null || (rule.required && value === '')) {
    if (rule.required) throw invalidParameter(missingValue(name) + SEE_DOCS);
    return undefined;
  }
  switch (rule.type) {
    case 'string':
      return expectType(name, value, typeof value === 'string');
    case 'bool':
      return expectType(name, value, typeof value === 'boolean');
    case 'array':
      return expectType(name, value, Array.isArray(value));
    case 'strings':
      return expectType(name, value, Array.isArray(value) && value.every((item) => typeof item === 'string'));
    case 'int':
      return checkInteger(name, value, rule);
    case 'float':
      return parseMetricValue(name, value);
    case 'enum':
      return checkEnum(name, value, rule.names ?? []);
  }
}

function checkInteger(name: string, value: unknown, rule: FieldRule): number {
  const number = typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) throw wrongType(name, value);
  if (rule.max !== undefined && number > rule.max) throw wrongType(name, value);
  return number;
}

/** proto3 JSON doubles: numbers, decimal strings, "NaN", "Infinity", "-Infinity" (and Python's spellings of them). */
export function parseMetricValue(name: string, value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') {
    const special = /^([+-]?)(nan|inf(?:inity)?)$/i.exec(value.trim());
    if (special) return special[2].toLowerCase() === 'nan' ? NaN : special[1] === '-' ? -Infinity : Infinity;
    if (value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  }
  throw wrongType(name, value);
}

function checkEnum(name: string, value: unknown, names: readonly string[]): string {
  if (typeof value === 'string' && names.includes(value)) return value;
  // Enums may arrive by number, from 1 (proto2).
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : NaN;
  if (Number.isInteger(number) && names[number - 1] !== undefined) return names[number - 1];
  throw wrongType(name, value);
}

function expectType(name: string, value: unknown, fits: boolean): unknown {
  if (!fits) throw wrongType(name, value);
  return value;
}

/** The stock server's words for a value of a wrong type, with Python's name of the type that came. */
export function wrongType(name: string, value: unknown): Error {
  return invalidParameter(invalidValue(name, value, ` Hint: Value was of type '${pythonType(value)}'.`) + SEE_DOCS);
}

function pythonType(value: unknown): string {
  if (value === null || value === undefined) return 'NoneType';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'str' : 'dict';
}

/** Query strings know no types: repeated keys are lists, `True` and `true` are booleans. */
function fromText(name: string, raw: unknown, rule: FieldRule): unknown {
  if (raw === undefined) return undefined;
  if (rule.type === 'array' || rule.type === 'strings') return Array.isArray(raw) ? raw : [raw];
  const single: unknown = Array.isArray(raw) ? raw[0] : raw;
  if (rule.type !== 'bool' || typeof single !== 'string') return single;
  if (!/^(true|false)$/i.test(single)) throw invalidParameter(`Invalid boolean value: ${single}, must be 'true' or 'false'.`);
  return single.toLowerCase() === 'true';
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
}
