// SPDX-License-Identifier: Apache-2.0
import type { Ast } from './ast';
import type { Context, Row, Version } from './store';
import { coerce, type Type } from './values';

/** One row of a FROM item. `row` and `version` say where it lies in a table, for locks. */
export interface Tuple {
  values: unknown[];
  row?: Row;
  version?: Version;
}

/** What an expression is evaluated in. */
export interface Env {
  ctx: Context;
  tuples: Tuple[];
  outer?: Env;
  /** The rows of the group, for aggregates. */
  group?: Env[];
  /** All rows of the select, for window functions. */
  all?: Env[];
}

export interface Source {
  alias: string;
  columns: { name: string; type: Type }[];
}

export interface Scope {
  sources: Source[];
  outer?: Scope;
  ctes: Map<string, { name: string; type: Type }[]>;
  /** Compiles a select below this scope; set by select.ts, which needs expressions itself. */
  subselect: (select: Ast, scope: Scope) => Subselect;
  table: (name: string) => Source;
  variables?: Map<string, Type>;
}

export interface Subselect {
  columns: { name: string; type: Type }[];
  rows: (ctx: Context, outer?: Env) => unknown[][];
}

export interface Expression {
  type: Type;
  eval: (env: Env) => unknown;
}

/** Gives an expression of unknown type the type that its place asks for. */
export function as(expression: Expression, type: Type): Expression {
  if (expression.type !== 'unknown' && expression.type !== 'unknown[]') return expression;
  return { type, eval: (env) => coerce(expression.eval(env), type) };
}
