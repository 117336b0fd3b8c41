// SPDX-License-Identifier: Apache-2.0
import { type Ast, Unsupported } from './ast';
import { compile } from './expressions';
import { compileFrom, join, scanTable } from './from';
import { as, type Env, type Expression, type Scope, type Subselect } from './shapes';
import {
  addVersion,
  conflicting,
  type Context,
  lockRow,
  replaceVersion,
  Row,
  SqlError,
  type Table,
  type UniqueKey,
  type Version,
} from './store';
import { below, compileTargets, type Target } from './targets';
import { coerce } from './values';

interface Assignment {
  column: number;
  expression: Expression;
}

/** Compiles INSERT, UPDATE or DELETE; the rows are those of RETURNING. */
export function compileModify(kind: string, fields: Ast, outer: Scope): Subselect {
  if (kind === 'InsertStmt') return insert(fields, outer);
  if (kind === 'UpdateStmt') return change(fields, outer, false);
  if (kind === 'DeleteStmt') return change(fields, outer, true);
  throw new Unsupported(`statement ${kind}`, fields);
}

const columnsOf = (targets: readonly Target[]) => targets.map(({ name, type }) => ({ name, type }));

const returningOf = (fields: Ast): Ast[] => (fields.returningClause?.exprs ?? fields.returningList ?? []) as Ast[];

function assignments(list: readonly Ast[], table: string, scope: Scope): Assignment[] {
  const { columns } = scope.table(table);
  return list.map(({ ResTarget }) => {
    const column = columns.findIndex(({ name }) => name === ResTarget.name);
    if (column < 0) throw new Unsupported(`column ${ResTarget.name} of ${table}`);
    return { column, expression: as(compile(ResTarget.val, scope), columns[column].type) };
  });
}

function assign(values: readonly unknown[], sets: readonly Assignment[], env: Env, table: Table): unknown[] {
  const next = values.slice(0, table.columns.length);
  for (const { column, expression } of sets) next[column] = coerce(expression.eval(env), table.columns[column].type);
  return next;
}

function check(table: Table, values: readonly unknown[], ctx: Context): void {
  table.columns.forEach(({ name, notNull }, i) => {
    if (notNull && (values[i] === null || values[i] === undefined)) throw new SqlError('23502', `null in ${table.name}.${name}`);
  });
  for (const { name, holds } of table.checks) {
    if (holds(values as unknown[], ctx) === false) throw new SqlError('23514', `${table.name} breaks ${name}`, name);
  }
}

function put(table: Table, values: unknown[], ctx: Context): Row {
  const row = new Row(table);
  table.rows.add(row);
  addVersion(row, values, ctx);
  return row;
}

function insert(fields: Ast, outer: Scope): Subselect {
  const name = fields.relation.relname as string;
  const alias = (fields.relation.alias?.aliasname ?? name) as string;
  const source = outer.subselect(fields.selectStmt, outer);
  const scope = below(outer);
  scope.sources.push({ ...scope.table(name), alias });
  const returning = compileTargets(returningOf(fields), scope);
  const conflict = fields.onConflictClause;
  const updateScope: Scope = { ...scope, sources: [scope.sources[0], { ...scope.table(name), alias: 'excluded' }] };
  const sets = conflict?.targetList ? assignments(conflict.targetList as Ast[], name, updateScope) : [];
  const where = conflict?.whereClause ? compile(conflict.whereClause, updateScope) : undefined;
  const inferred = ((conflict?.infer?.indexElems ?? []) as Ast[]).map(({ IndexElem }) => IndexElem.name as string);
  const names = ((fields.cols ?? []) as Ast[]).map(({ ResTarget }) => ResTarget.name as string);
  const rows = (ctx: Context, env?: Env): unknown[][] => {
    const table = ctx.host.table(name);
    const given = names.map((column) => table.columnIndex(column));
    const result: unknown[][] = [];
    for (const cells of source.rows(ctx, env)) {
      const fresh = defaults(table, given, cells, ctx);
      check(table, fresh, ctx);
      const values = place(table, fresh, ctx, { conflict, inferred, sets, where });
      if (values) result.push(returning.map((target) => target.eval({ ctx, tuples: [{ values }], outer: env })));
    }
    return result;
  };
  return { columns: columnsOf(returning), rows };
}

function defaults(table: Table, given: readonly number[], cells: readonly unknown[], ctx: Context): unknown[] {
  return table.columns.map((column, i) => {
    const at = given.indexOf(i);
    if (at >= 0) return coerce(cells[at], column.type);
    if (column.identity) return table.nextIdentity++; // as a sequence: a rollback leaves a gap
    return column.default ? column.default(ctx) : null;
  });
}

interface Conflict {
  conflict?: Ast;
  inferred: readonly string[];
  sets: readonly Assignment[];
  where?: Expression;
}

/** The values as they lie in the table, or undefined when a conflict kept the row out. */
function place(table: Table, values: unknown[], ctx: Context, on: Conflict): unknown[] | undefined {
  const meant = on.conflict ? table.keys.filter((key) => isMeant(table, key, on)) : [];
  if (on.inferred.length > 0 && meant.length === 0) throw new SqlError('42P10', `${table.name} has no key for this ON CONFLICT`);
  for (const key of table.keys) {
    const other = conflicting(key, values, undefined, ctx);
    if (!other) continue;
    if (!meant.includes(key)) throw new SqlError('23505', `${table.name} has this key`, key.name);
    if (on.conflict.action === 'ONCONFLICT_NOTHING') return undefined;
    return update(other, values, ctx, on);
  }
  put(table, values, ctx);
  return values;
}

/** Whether ON CONFLICT is about this key. A partial index is meant only when the predicate is named; that it is this one, Postgres has checked. */
function isMeant(table: Table, key: UniqueKey, { conflict, inferred }: Conflict): boolean {
  if (inferred.length === 0) return true;
  const named = key.columns.map((column) => table.columns[column].name);
  const isInferred = inferred.length === named.length && named.every((name) => inferred.includes(name));
  return isInferred && (!key.covers || conflict?.infer?.whereClause !== undefined);
}

function update(row: Row, excluded: unknown[], ctx: Context, { sets, where }: Conflict): unknown[] | undefined {
  // The newest version, whether the snapshot has it or not: that is what ON CONFLICT DO UPDATE does.
  const version = row.versions.at(-1) as Version;
  lockRow(row, version, ctx, false);
  const env: Env = { ctx, tuples: [{ values: version.values }, { values: excluded }] };
  if (where && where.eval(env) !== true) return undefined;
  const next = assign(version.values, sets, env, row.table);
  check(row.table, next, ctx);
  replaceVersion(row, version, next, ctx);
  return next;
}

function change(fields: Ast, outer: Scope, deletes: boolean): Subselect {
  const name = fields.relation.relname as string;
  const scope = below(outer);
  scope.sources.push({ ...scope.table(name), alias: (fields.relation.alias?.aliasname ?? name) as string });
  const target = { source: scope.sources[0], scan: scanTable(name), table: name };
  const items = [target, ...compileFrom((fields.fromClause ?? fields.usingClause ?? []) as Ast[], scope)];
  const sets = deletes ? [] : assignments(fields.targetList as Ast[], name, scope);
  const where = fields.whereClause ? compile(fields.whereClause, scope) : undefined;
  const returning = compileTargets(returningOf(fields), scope);
  const rows = (ctx: Context, env?: Env): unknown[][] => {
    const table = ctx.host.table(name);
    const done = new Set<Row>();
    const changed: Env[] = [];
    for (const match of join(items, where, ctx, env)) {
      const { row, version } = match.tuples[0];
      if (!row || !version || done.has(row)) continue;
      done.add(row);
      lockRow(row, version, ctx, false);
      const next = deletes ? undefined : assign(version.values, sets, match, table);
      if (next) checkChange(table, row, next, ctx);
      replaceVersion(row, version, next, ctx);
      changed.push(next ? { ...match, tuples: [{ values: next }, ...match.tuples.slice(1)] } : match);
    }
    return changed.map((match) => returning.map((expression) => expression.eval(match)));
  };
  return { columns: columnsOf(returning), rows };
}

function checkChange(table: Table, row: Row, next: unknown[], ctx: Context): void {
  check(table, next, ctx);
  for (const key of table.keys) {
    if (conflicting(key, next, row, ctx)) throw new SqlError('23505', `${table.name} has this key`, key.name);
  }
}
