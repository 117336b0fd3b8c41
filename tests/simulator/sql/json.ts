// SPDX-License-Identifier: Apache-2.0
import { Unsupported } from './ast';
import { as, type Env, type Expression } from './shapes';
import { textOf } from './values';

type JsonObject = Record<string, unknown>;

/** Operators whose left side is jsonb: a field as text, equality, and the two objects put together. */
export function jsonOperator(name: string, left: Expression, right: Expression): Expression {
  if (name === '->>') return strict('text', left, as(right, 'text'), (json, field) => fieldText(json, field as string));
  const other = as(right, 'jsonb');
  if (name === '=') return strict('bool', left, other, (a, b) => canonical(a) === canonical(b));
  if (name === '||') return strict('jsonb', left, other, (a, b) => Object.freeze({ ...objectOf(a), ...objectOf(b) }));
  throw new Unsupported(`operator jsonb ${name}`);
}

function strict(type: string, left: Expression, right: Expression, fn: (a: unknown, b: unknown) => unknown): Expression {
  const evaluate = (env: Env): unknown => {
    const [a, b] = [left.eval(env), right.eval(env)];
    return a === null || b === null ? null : fn(a, b);
  };
  return { type, eval: evaluate };
}

function fieldText(json: unknown, field: string): unknown {
  const value = objectOf(json)[field];
  if (value === undefined || value === null) return null;
  if (typeof value === 'object') throw new Unsupported('->> of what is no scalar');
  return textOf(value);
}

function objectOf(json: unknown): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new Unsupported('jsonb that is no object here', json);
  return json as JsonObject;
}

/** Objects are equal in whatever order their fields were written. */
function canonical(json: unknown): string {
  return JSON.stringify(json, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
