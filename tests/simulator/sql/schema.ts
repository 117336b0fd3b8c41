// SPDX-License-Identifier: Apache-2.0
import { type Ast, nameOf, open, parseFunction, parseSql, Unsupported } from './ast';
import { compile } from './expressions';
import { compileStatement } from './select';
import type { Scope, Subselect } from './shapes';
import { type Context, LookAgain, Table } from './store';
import { parseJson, typeNamed, typeOfName, type Type } from './values';

type Migration = new () => { up(runner: { query(sql: string): Promise<void> }): Promise<void> };

interface Step {
  plan: Subselect;
  into?: string;
}

interface StoredFunction {
  parameters: { name: string; type: Type }[];
  steps: Step[];
}

/** Tables and functions of a database as its own migrations make them; statements are parsed and compiled once per text. */
export class Schema {
  private readonly parsed = new Map<string, Ast[]>();
  private readonly plans = new Map<Ast, Subselect>();
  private readonly functions = new Map<string, StoredFunction>();
  private readonly makers: (() => Table)[] = [];
  private readonly scope: Scope;
  private readonly templates = new Map<string, Table>();

  private constructor() {
    this.scope = {
      sources: [],
      ctes: new Map(),
      subselect: compileStatement,
      table: (name) => {
        const table = this.templates.get(name);
        if (!table) throw new Unsupported(`table ${name}`);
        return {
          alias: name,
          columns: [...table.columns.map((c) => ({ name: c.name, type: c.type })), { name: 'ctid', type: 'int8' }],
        };
      },
    };
  }

  static async from(migrations: readonly Migration[], extra: readonly string[] = []): Promise<Schema> {
    const schema = new Schema();
    const query = async (sql: string): Promise<void> => schema.define(sql);
    for (const migration of migrations) await new migration().up({ query });
    for (const sql of extra) schema.define(sql);
    return schema;
  }

  newTables(): Map<string, Table> {
    return new Map(this.makers.map((make) => make()).map((table) => [table.name, table]));
  }

  parse(text: string): Ast[] {
    let statements = this.parsed.get(text);
    if (!statements) this.parsed.set(text, (statements = parseSql(text)));
    return statements;
  }

  plan(node: Ast): Subselect {
    let plan = this.plans.get(node);
    if (!plan) this.plans.set(node, (plan = compileStatement(node, this.scope)));
    return plan;
  }

  /** Runs a stored function. All its statements see its start: its first one locks what the others change. */
  call(name: string, args: unknown[], ctx: Context): unknown {
    const stored = this.functions.get(name);
    if (!stored) throw new Unsupported(`function ${name}`);
    const variables = new Map(
      stored.parameters.map((parameter, i) => [parameter.name, { type: parameter.type, value: args[i] }]),
    );
    for (const { plan, into } of stored.steps) {
      // Each statement of a function in read committed has a snapshot of its own.
      const rows = this.step(plan, { ...ctx, variables, snapshot: Number.MAX_SAFE_INTEGER });
      if (into !== undefined) variables.set(into, { type: 'text', value: rows[0]?.[0] ?? null });
    }
    return '';
  }

  private step(plan: Subselect, ctx: Context): unknown[][] {
    ctx.tx.statement += 1;
    try {
      return plan.rows(ctx);
    } catch (thrown) {
      if (thrown instanceof LookAgain) return this.step(plan, ctx);
      throw thrown;
    }
  }

  private define(sql: string): void {
    for (const node of parseSql(sql)) {
      const [kind, fields] = open(node);
      if (kind === 'CreateStmt') this.defineTable(fields);
      else if (kind === 'AlterTableStmt') this.alterTable(fields);
      else if (kind === 'CreateFunctionStmt') this.defineFunction(sql, fields);
      else if (kind === 'DropStmt' && fields.removeType === 'OBJECT_INDEX')
        continue; // as below: indexes only save time here
      else if (kind === 'IndexStmt' && fields.unique)
        this.change(fields.relation.relname as string, [uniqueIndex(fields, this.scope)]);
      else if (kind !== 'IndexStmt') throw new Unsupported(`definition ${kind}`, fields);
    }
  }

  private defineTable(fields: Ast): void {
    const name = fields.relation.relname as string;
    const make = (): Table => tableOf(name, fields.tableElts as Ast[], this.scope);
    this.templates.set(name, make());
    this.makers.push(make);
  }

  private alterTable(fields: Ast): void {
    const changes = ((fields.cmds ?? []) as Ast[]).map(({ AlterTableCmd }) => changeOf(AlterTableCmd, this.scope));
    this.change(fields.relation.relname as string, changes);
  }

  private change(name: string, changes: readonly ((table: Table) => void)[]): void {
    const at = this.makers.findIndex((make) => make().name === name);
    const before = this.makers[at];
    if (!before) throw new Unsupported(`table ${name}`);
    const make = (): Table => {
      const table = before();
      for (const change of changes) change(table);
      return table;
    };
    this.templates.set(name, make());
    this.makers[at] = make;
  }

  private defineFunction(sql: string, fields: Ast): void {
    const body = parseFunction(sql);
    const parameters = (fields.parameters as Ast[]).map(({ FunctionParameter }) => ({
      name: FunctionParameter.name as string,
      type: typeOfName(FunctionParameter.argType),
    }));
    const variables = new Map(parameters.map(({ name, type }) => [name, type]));
    for (const { PLpgSQL_var } of (body.datums as Ast[]).filter((datum) => datum.PLpgSQL_var)) {
      variables.set(PLpgSQL_var.refname as string, typeNamed(PLpgSQL_var.datatype.PLpgSQL_type.typname as string));
    }
    const scope: Scope = { ...this.scope, variables };
    const steps = (body.action.PLpgSQL_stmt_block.body as Ast[]).flatMap((statement): Step[] => {
      const [kind, parts] = open(statement);
      if (kind === 'PLpgSQL_stmt_return') return [];
      const text = (parts.expr ?? parts.sqlstmt)?.PLpgSQL_expr?.query as string | undefined;
      if (text === undefined) throw new Unsupported(`PL/pgSQL ${kind}`, parts);
      const plan = compileStatement(parseSql(text)[0], scope);
      return [{ plan, into: parts.into ? (parts.target.PLpgSQL_row.fields[0].name as string) : undefined }];
    });
    this.functions.set(nameOf(fields.funcname as Ast[]), { parameters, steps });
  }
}

function tableOf(name: string, elements: readonly Ast[], scope: Scope): Table {
  const columns = elements.filter((element) => element.ColumnDef).map(({ ColumnDef }) => columnOf(ColumnDef, scope));
  const table = new Table(name, columns);
  const inner: Scope = { ...scope, sources: [{ alias: name, columns }] };
  const add = (constraint: Ast, own?: string): void => {
    const keys = ((constraint.keys ?? []) as Ast[]).map((key) => key.String.sval as string);
    const named = (keys.length > 0 ? keys : own === undefined ? [] : [own]).map((key) => table.columnIndex(key));
    if (constraint.contype === 'CONSTR_PRIMARY' || constraint.contype === 'CONSTR_UNIQUE') {
      table.keys.push({ name: `${name}_key_${table.keys.length}`, columns: named, rows: new Map() });
      if (constraint.contype === 'CONSTR_PRIMARY') for (const column of named) columns[column].notNull = true;
    } else if (constraint.contype === 'CONSTR_CHECK') {
      const holds = compile(constraint.raw_expr, inner);
      table.checks.push({
        name: `${name}_check_${table.checks.length}`,
        holds: (values, ctx) => holds.eval({ ctx, tuples: [{ values }] }),
      });
    }
  };
  for (const { ColumnDef, Constraint } of elements) {
    if (Constraint) add(Constraint);
    for (const own of (ColumnDef?.constraints ?? []) as Ast[]) add(own.Constraint, ColumnDef.colname as string);
  }
  return table;
}

function changeOf({ subtype, name, def }: Ast, scope: Scope): (table: Table) => void {
  if (subtype === 'AT_AddColumn') return (table) => void table.columns.push(columnOf(def.ColumnDef, scope));
  if (subtype === 'AT_DropNotNull') return (table) => void (table.columns[table.columnIndex(name as string)].notNull = false);
  throw new Unsupported(`change of a table ${subtype}`);
}

/** A unique index, of all rows or of those that its predicate covers. */
function uniqueIndex(fields: Ast, scope: Scope): (table: Table) => void {
  const names = (fields.indexParams as Ast[]).map(({ IndexElem }) => IndexElem.name as string | undefined);
  if (names.includes(undefined)) throw new Unsupported('unique index on an expression', fields);
  return (table) => {
    const inner: Scope = { ...scope, sources: [{ alias: table.name, columns: table.columns }] };
    const where = fields.whereClause ? compile(fields.whereClause, inner) : undefined;
    table.keys.push({
      name: fields.idxname as string,
      columns: names.map((name) => table.columnIndex(name as string)),
      rows: new Map(),
      // Predicates of indexes are immutable: they look at nothing but the row.
      ...(where ? { covers: (values) => where.eval({ ctx: undefined as never, tuples: [{ values }] }) === true } : {}),
    });
  };
}

function columnOf(fields: Ast, scope: Scope) {
  const constraints = ((fields.constraints ?? []) as Ast[]).map(({ Constraint }) => Constraint);
  const fallback = constraints.find((constraint) => constraint.contype === 'CONSTR_DEFAULT');
  const value = fallback && compile(fallback.raw_expr, scope);
  const type = typeOfName(fields.typeName);
  return {
    name: fields.colname as string,
    type,
    notNull: constraints.some((constraint) => constraint.contype === 'CONSTR_NOTNULL'),
    identity: constraints.some((constraint) => constraint.contype === 'CONSTR_IDENTITY'),
    ...(value ? { default: (ctx: Context) => coerceDefault(value.eval({ ctx, tuples: [] }), type) } : {}),
  };
}

function coerceDefault(value: unknown, type: Type): unknown {
  return type === 'jsonb' && typeof value === 'string' ? parseJson(value) : value;
}
