// SPDX-License-Identifier: Apache-2.0
import { loadModule, parsePlPgSQLSync, parseSync } from 'libpg-query';

/** A node of Postgres' own parse tree. It has hundreds of types; what the engine does not know, it refuses by name. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Ast = any;

/** Loads Postgres' parser (WebAssembly). Call it once before the first schedule. */
export const loadParser = (): Promise<void> => loadModule();

/** Statements of a text, each as { NodeType: fields }. */
export function parseSql(text: string): Ast[] {
  return ((parseSync(text) as Ast).stmts as Ast[]).map((entry) => entry.stmt);
}

export function parseFunction(text: string): Ast {
  return (parsePlPgSQLSync(text) as Ast).plpgsql_funcs[0].PLpgSQL_function;
}

/** The only key of a node and its fields. */
export function open(node: Ast): [kind: string, fields: Ast] {
  const kind = Object.keys(node as object)[0] ?? '';
  return [kind, node[kind]];
}

export const nameOf = (list: Ast[]): string => list.map((entry) => entry.String?.sval as string).at(-1) ?? '';

/** The statement uses something that the engine does not have: the schedule cannot be trusted, so it stops here. */
export class Unsupported extends Error {
  constructor(what: string, node?: unknown) {
    super(`the simulated Postgres has no ${what}${node === undefined ? '' : `: ${JSON.stringify(node).slice(0, 300)}`}`);
  }
}
