// SPDX-License-Identifier: Apache-2.0
import { type Ast, nameOf, open, Unsupported } from './ast';
import { compile } from './expressions';
import { as, type Env, type Expression, type Scope, type Source, type Tuple } from './shapes';
import { type Context, visibleVersion } from './store';

export type Scan = (ctx: Context, outer?: Env) => Tuple[];

/** One FROM item: what it is called, how its rows are read, and for a join on what. */
export interface Item {
  source: Source;
  scan: Scan;
  on?: Expression;
  left?: boolean;
  table?: string;
}

export function scanTable(name: string): Scan {
  return (ctx) => {
    const tuples: Tuple[] = [];
    for (const row of ctx.host.table(name).rows) {
      const version = visibleVersion(row, ctx);
      if (version) tuples.push({ values: version.values, row, version });
    }
    return tuples;
  };
}

/** Compiles FROM; the scope gets one source per item, in order. */
export function compileFrom(nodes: readonly Ast[], scope: Scope): Item[] {
  const items: Item[] = [];
  for (const node of nodes) addItem(node, scope, items);
  return items;
}

function addItem(node: Ast, scope: Scope, items: Item[], left = false): void {
  const [kind, fields] = open(node);
  if (kind === 'JoinExpr') {
    if (!['JOIN_INNER', 'JOIN_LEFT'].includes(fields.jointype as string)) throw new Unsupported('join', fields.jointype);
    addItem(fields.larg, scope, items);
    addItem(fields.rarg, scope, items, fields.jointype === 'JOIN_LEFT');
    if (fields.quals) items[items.length - 1].on = compile(fields.quals, scope);
    return;
  }
  const item =
    kind === 'RangeVar'
      ? tableItem(fields, scope)
      : kind === 'RangeSubselect'
        ? subselectItem(fields, scope)
        : functionItem(fields, scope);
  item.left = left;
  items.push(item);
  scope.sources.push(item.source);
}

function tableItem(fields: Ast, scope: Scope): Item {
  const name = fields.relname as string;
  const alias = (fields.alias?.aliasname ?? name) as string;
  const cte = scope.ctes.get(name);
  if (cte) {
    const scan: Scan = (ctx) => (ctx.ctes.get(name) ?? []).map((values) => ({ values }));
    return { source: { alias, columns: cte }, scan };
  }
  return { source: { ...scope.table(name), alias }, scan: scanTable(name), table: name };
}

function subselectItem(fields: Ast, scope: Scope): Item {
  // FROM items do not see their neighbours (no LATERAL here), but they see what is around the select.
  const inner = scope.subselect(fields.subquery, { ...scope, sources: [] });
  const scan: Scan = (ctx, outer) => inner.rows(ctx, outer && { ...outer, tuples: [], outer }).map((values) => ({ values }));
  return { source: { alias: fields.alias.aliasname as string, columns: inner.columns }, scan };
}

function functionItem(fields: Ast, scope: Scope): Item {
  const call = fields.functions?.[0]?.List?.items?.[0]?.FuncCall;
  if (!call) throw new Unsupported('FROM item', fields);
  const name = nameOf(call.funcname as Ast[]);
  const outerScope: Scope = { ...scope, sources: [] };
  const args = ((call.args ?? []) as Ast[]).map((arg) => compile(arg, outerScope));
  const alias = (fields.alias?.aliasname ?? name) as string;
  const names = ((fields.alias?.colnames ?? []) as Ast[]).map((entry) => entry.String.sval as string);
  const types = name === 'unnest' ? args.map((arg) => arg.type.replace(/\[\]$/, '')) : ['int4'];
  if (fields.ordinality) types.push('int8');
  const columns = types.map((type, i) => ({ type: type === 'unknown' ? 'text' : type, name: names[i] ?? alias }));
  const rows = (values: unknown[]): unknown[][] => {
    if (name === 'unnest') {
      const lists = values.map((list) => (list ?? []) as unknown[]);
      return Array.from({ length: Math.max(...lists.map((list) => list.length)) }, (_, i) =>
        lists.map((list) => list[i] ?? null),
      );
    }
    if (name !== 'generate_series') throw new Unsupported(`FROM ${name}()`);
    const [from, to] = values as number[];
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => [from + i]);
  };
  const typed = name === 'unnest' ? args : args.map((arg) => as(arg, 'int4'));
  const scan: Scan = (ctx, outer) => {
    const env: Env = { ctx, tuples: [], outer };
    return rows(typed.map((arg) => arg.eval(env))).map((values, i) => ({
      values: fields.ordinality ? [...values, i + 1] : values,
    }));
  };
  return { source: { alias, columns }, scan };
}

/** All combinations of the items' rows that hold. */
export function join(items: readonly Item[], where: Expression | undefined, ctx: Context, outer?: Env): Env[] {
  let envs: Env[] = [{ ctx, tuples: [], outer }];
  for (const item of items) envs = joinOne(envs, item, ctx, outer);
  return where ? envs.filter((env) => where.eval(env) === true) : envs;
}

function joinOne(envs: readonly Env[], item: Item, ctx: Context, outer?: Env): Env[] {
  const tuples = item.scan(ctx, outer);
  const result: Env[] = [];
  for (const env of envs) {
    let found = false;
    for (const tuple of tuples) {
      const next: Env = { ctx, tuples: [...env.tuples, tuple], outer };
      if (item.on && item.on.eval(next) !== true) continue;
      found = true;
      result.push(next);
    }
    if (!found && item.left) result.push({ ctx, tuples: [...env.tuples, { values: [] }], outer });
  }
  return result;
}
