// SPDX-License-Identifier: Apache-2.0
import { type Ast, nameOf, open, Unsupported } from './ast';
import { compile, findColumn } from './expressions';
import { compileFrom, type Item, join } from './from';
import { isAggregate } from './functions';
import { compileModify } from './modify';
import { as, type Env, type Expression, type Scope, type Subselect } from './shapes';
import { type Context, lockRow } from './store';
import { below, compileTargets, type Target } from './targets';
import { compare, type Type } from './values';

/** More than any statement here gives: one that goes on has no end. */
const ROWS_MAX = 10_000;

/** Compiles a SELECT, or a data-changing statement that gives rows (in WITH). */
export function compileStatement(node: Ast, scope: Scope): Subselect {
  const [kind, fields] = open(node);
  const withCtes = compileWith(fields.withClause, scope);
  const inner = kind === 'SelectStmt' ? compileSelect(fields, withCtes.scope) : compileModify(kind, fields, withCtes.scope);
  if (withCtes.steps.length === 0) return inner;
  const rows = (ctx: Context, outer?: Env): unknown[][] => {
    for (const { name, body } of withCtes.steps) ctx.ctes.set(name, body.rows(ctx, outer));
    return inner.rows(ctx, outer);
  };
  return { columns: inner.columns, rows };
}

function compileWith(clause: Ast, outer: Scope): { scope: Scope; steps: { name: string; body: Subselect }[] } {
  const scope: Scope = { ...outer, ctes: new Map(outer.ctes) };
  const steps: { name: string; body: Subselect }[] = [];
  for (const { CommonTableExpr } of (clause?.ctes ?? []) as Ast[]) {
    const name = CommonTableExpr.ctename as string;
    const names = ((CommonTableExpr.aliascolnames ?? []) as Ast[]).map((entry) => entry.String.sval as string);
    const called = (columns: Subselect['columns']) => columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }));
    const union = CommonTableExpr.ctequery.SelectStmt;
    const body =
      clause.recursive && union?.op === 'SETOP_UNION'
        ? recursive(union, scope, (columns) => scope.ctes.set(name, called(columns)), name)
        : compileStatement(CommonTableExpr.ctequery, scope);
    scope.ctes.set(name, called(body.columns));
    steps.push({ name, body });
  }
  return { scope, steps };
}

/** WITH RECURSIVE: the second part sees what the step before it gave, until there is nothing new. */
function recursive(
  { all, larg, rarg }: Ast,
  scope: Scope,
  define: (columns: Subselect['columns']) => void,
  name: string,
): Subselect {
  if (!all) throw new Unsupported('WITH RECURSIVE without ALL');
  const first = compileSelect(larg, scope);
  define(first.columns);
  const next = compileSelect(rarg, scope);
  const rows = (ctx: Context, outer?: Env): unknown[][] => {
    const found = first.rows(ctx, outer);
    for (let step = [...found]; step.length > 0; found.push(...step)) {
      if (found.length > ROWS_MAX) throw new Unsupported(`WITH RECURSIVE of more than ${ROWS_MAX} rows`);
      ctx.ctes.set(name, step);
      step = next.rows(ctx, outer);
    }
    return found;
  };
  return { columns: first.columns, rows };
}

function compileSelect(fields: Ast, outer: Scope): Subselect {
  if (fields.op === 'SETOP_UNION' && fields.all) return unionAll(fields, outer);
  if (fields.op && fields.op !== 'SETOP_NONE') throw new Unsupported('set operation', fields.op);
  if (fields.valuesLists) return values(fields.valuesLists as Ast[], outer);
  const scope = below(outer);
  const items = compileFrom((fields.fromClause ?? []) as Ast[], scope);
  const where = fields.whereClause ? compile(fields.whereClause, scope) : undefined;
  const targets = compileTargets((fields.targetList ?? []) as Ast[], scope);
  const shape: Shape = {
    items,
    where,
    targets,
    group: groupOf(fields, scope),
    order: orderOf((fields.sortClause ?? []) as Ast[], targets, scope),
    limit: fields.limitCount ? as(compile(fields.limitCount, scope), 'int8') : undefined,
    distinct: fields.distinctClause !== undefined,
    locking: fields.lockingClause?.[0]?.LockingClause,
  };
  return { columns: targets.map(({ name, type }) => ({ name, type })), rows: (ctx, env) => runSelect(shape, ctx, env) };
}

interface Shape {
  items: Item[];
  where?: Expression;
  targets: Target[];
  group?: Expression[];
  order: { expression: Expression; sign: number }[];
  limit?: Expression;
  distinct: boolean;
  locking?: Ast;
}

function groupOf(fields: Ast, scope: Scope): Expression[] | undefined {
  if (fields.groupClause) return (fields.groupClause as Ast[]).map((item) => compile(item, scope));
  return hasAggregate(fields.targetList) ? [] : undefined;
}

function hasAggregate(node: Ast): boolean {
  if (node === null || typeof node !== 'object') return false;
  if (node.SubLink) return false;
  if (node.FuncCall && !node.FuncCall.over && isAggregate(nameOf(node.FuncCall.funcname as Ast[]))) return true;
  return Object.values(node as object).some(hasAggregate);
}

function orderOf(clause: readonly Ast[], targets: readonly Target[], scope: Scope): Shape['order'] {
  return clause.map(({ SortBy }) => {
    const sign = SortBy.sortby_dir === 'SORTBY_DESC' ? -1 : 1;
    const position = SortBy.node.A_Const?.ival?.ival as number | undefined;
    if (position !== undefined) return { expression: targets[position - 1], sign };
    const name = SortBy.node.ColumnRef?.fields.length === 1 ? nameOf(SortBy.node.ColumnRef.fields as Ast[]) : undefined;
    const target =
      name !== undefined && !findColumn({ ...scope, outer: undefined }, name)
        ? targets.find((each) => each.name === name)
        : undefined;
    return { expression: target ?? compile(SortBy.node, scope), sign };
  });
}

function runSelect(shape: Shape, ctx: Context, outer?: Env): unknown[][] {
  const { items, where, targets, group, order } = shape;
  let envs = join(items, where, ctx, outer);
  for (const env of envs) env.all = envs;
  if (group) envs = grouped(envs, group, ctx, outer);
  if (order.length > 0) {
    const keys = new Map(envs.map((env) => [env, order.map(({ expression }) => expression.eval(env))]));
    envs = [...envs].sort((a, b) => byOrder(keys.get(a) ?? [], keys.get(b) ?? [], order));
  }
  const limitValue = shape.limit?.eval({ ctx, tuples: [], outer });
  const limit = limitValue === undefined || limitValue === null ? Number.POSITIVE_INFINITY : (limitValue as number);
  if (shape.locking) envs = locked(envs, shape, ctx, limit);
  let rows = (Number.isFinite(limit) ? envs.slice(0, limit) : envs).map((env) => targets.map((target) => target.eval(env)));
  if (shape.distinct) rows = [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()];
  return rows;
}

function byOrder(a: unknown[], b: unknown[], order: Shape['order']): number {
  for (let i = 0; i < order.length; i += 1) {
    const result = a[i] === null || b[i] === null ? Number(a[i] === null) - Number(b[i] === null) : compare(a[i], b[i]);
    if (result !== 0) return result * order[i].sign;
  }
  return 0;
}

function grouped(envs: readonly Env[], by: readonly Expression[], ctx: Context, outer?: Env): Env[] {
  if (by.length === 0) return [{ ctx, tuples: envs[0]?.tuples ?? [], outer, group: [...envs] }];
  const groups = new Map<string, Env[]>();
  for (const env of envs) {
    const key = JSON.stringify(by.map((expression) => expression.eval(env)));
    const group = groups.get(key);
    if (group) group.push(env);
    else groups.set(key, [env]);
  }
  return [...groups.values()].map((group) => ({ ctx, tuples: group[0].tuples, outer, group }));
}

/** FOR UPDATE locks row by row until the limit is reached. */
function locked(envs: readonly Env[], { items, locking }: Shape, ctx: Context, limit: number): Env[] {
  const skip = locking.waitPolicy === 'LockWaitSkip';
  const of = ((locking.lockedRels ?? []) as Ast[]).map((rel) => rel.RangeVar.relname as string);
  const indexes = items.flatMap((item, i) =>
    item.table !== undefined && (of.length === 0 || of.includes(item.source.alias)) ? [i] : [],
  );
  const taken: Env[] = [];
  for (const env of envs) {
    if (taken.length >= limit) break;
    const all = indexes.every((i) => {
      const { row, version } = env.tuples[i];
      return !row || !version || lockRow(row, version, ctx, skip);
    });
    if (all) taken.push(env);
  }
  return taken;
}

function unionAll(fields: Ast, outer: Scope): Subselect {
  const left = compileSelect(fields.larg, outer);
  const right = compileSelect(fields.rarg, outer);
  return { columns: left.columns, rows: (ctx, env) => [...left.rows(ctx, env), ...right.rows(ctx, env)] };
}

function values(lists: readonly Ast[], outer: Scope): Subselect {
  const scope = below(outer);
  const rows = lists.map(({ List }) => (List.items as Ast[]).map((item) => compile(item, scope)));
  const types: Type[] = rows[0].map((expression) => expression.type);
  return {
    columns: types.map((type, i) => ({ name: `column${i + 1}`, type })),
    rows: (ctx, env) => rows.map((row) => row.map((expression) => expression.eval({ ctx, tuples: [], outer: env }))),
  };
}
