// SPDX-License-Identifier: Apache-2.0
import { type Ast, nameOf, open } from './ast';
import { compile } from './expressions';
import type { Env, Expression, Scope } from './shapes';

export interface Target extends Expression {
  name: string;
}

export function below(scope: Scope): Scope {
  return { ...scope, sources: [], outer: scope };
}

export function compileTargets(list: readonly Ast[], scope: Scope): Target[] {
  return list.flatMap(({ ResTarget }) => {
    const fields = (ResTarget.val.ColumnRef?.fields ?? []) as Ast[];
    if (fields.at(-1)?.A_Star) return star(fields.length > 1 ? (fields[0].String.sval as string) : undefined, scope);
    const expression = compile(ResTarget.val, scope);
    return [{ ...expression, name: (ResTarget.name ?? defaultName(ResTarget.val)) as string }];
  });
}

function star(alias: string | undefined, scope: Scope): Target[] {
  return scope.sources.flatMap((source, index) =>
    alias !== undefined && source.alias !== alias
      ? []
      : source.columns
          .map(({ name, type }, column) => ({ name, type, eval: (env: Env) => env.tuples[index]?.values[column] ?? null }))
          .filter(({ name }) => name !== 'ctid'),
  );
}

function defaultName(node: Ast): string {
  const [kind, fields] = open(node);
  if (kind === 'ColumnRef') return nameOf(fields.fields as Ast[]);
  if (kind === 'FuncCall') return nameOf(fields.funcname as Ast[]);
  return kind === 'TypeCast' ? defaultName(fields.arg) : '?column?';
}
