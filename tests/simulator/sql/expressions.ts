// SPDX-License-Identifier: Apache-2.0
import { type Ast, nameOf, open, Unsupported } from './ast';
import { aggregate, callFunction, isAggregate } from './functions';
import { jsonOperator } from './json';
import { as, type Env, type Expression, type Scope } from './shapes';
import { coerce, compare, textOf, timeText, type Type, typeOfName } from './values';

export function findColumn(scope: Scope, name: string, alias?: string) {
  let depth = 0;
  for (let level: Scope | undefined = scope; level; level = level.outer, depth += 1) {
    for (let source = 0; source < level.sources.length; source += 1) {
      if (alias !== undefined && level.sources[source].alias !== alias) continue;
      const column = level.sources[source].columns.findIndex((candidate) => candidate.name === name);
      if (column >= 0) return { depth, source, column, type: level.sources[source].columns[column].type };
    }
  }
  return undefined;
}

function columnRef(fields: Ast, scope: Scope): Expression {
  const names = (fields.fields as Ast[]).map((field) => field.String?.sval as string);
  const name = names.at(-1) as string;
  const found = findColumn(scope, name, names.length > 1 ? names[0] : undefined);
  if (!found) {
    const type = scope.variables?.get(name);
    if (type !== undefined) return { type, eval: (env) => env.ctx.variables?.get(name)?.value ?? null };
    throw new Unsupported(`column ${names.join('.')}`);
  }
  const { depth, source, column, type } = found;
  if (depth === 0) return { type, eval: (env) => env.tuples[source]?.values[column] ?? null };
  return {
    type,
    eval: (env) => {
      let level: Env | undefined = env;
      for (let i = 0; i < depth; i += 1) level = level?.outer;
      return level?.tuples[source]?.values[column] ?? null;
    },
  };
}

function constant(fields: Ast): Expression {
  if (fields.isnull) return { type: 'unknown', eval: () => null };
  if (fields.ival) {
    const value = (fields.ival.ival ?? 0) as number;
    return { type: 'int4', eval: () => value };
  }
  if (fields.fval) {
    const value = Number(fields.fval.fval);
    return { type: 'float8', eval: () => value };
  }
  if (fields.boolval) {
    const value = fields.boolval.boolval === true;
    return { type: 'bool', eval: () => value };
  }
  const text = (fields.sval?.sval ?? '') as string;
  return { type: 'unknown', eval: () => text };
}

const COMPARE: Record<string, (order: number) => boolean> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

function unify(a: Expression, b: Expression): [Expression, Expression] {
  const type = a.type === 'unknown' ? (b.type === 'unknown' ? 'text' : b.type) : a.type;
  return [as(a, type), as(b, b.type === 'unknown' ? type : b.type)];
}

function operator(name: string, left: Expression, right: Expression): Expression {
  if (left.type === 'jsonb') return jsonOperator(name, left, right);
  const test = COMPARE[name];
  if (test) {
    const [a, b] = unify(left, right);
    const evaluate = (env: Env): unknown => {
      const x = a.eval(env);
      if (x === null) return null;
      const y = b.eval(env);
      return y === null ? null : test(compare(x, y));
    };
    return { type: 'bool', eval: evaluate };
  }
  if (name === '||') {
    const text = (env: Env, part: Expression): unknown => {
      const value = part.eval(env);
      return value === null ? null : textOf(value);
    };
    const evaluate = (env: Env): unknown => {
      const [x, y] = [text(env, left), text(env, right)];
      return x === null || y === null ? null : (x as string) + (y as string);
    };
    return { type: 'text', eval: evaluate };
  }
  return arithmetic(name, left, right);
}

function arithmetic(name: string, left: Expression, right: Expression): Expression {
  const numeric = left.type === 'unknown' && right.type === 'timestamptz' ? 'interval' : 'int4';
  const a = as(left, right.type === 'unknown' ? numeric : right.type);
  const b = as(right, a.type === 'timestamptz' ? 'interval' : a.type);
  const types = [a.type, b.type];
  let type = ['timestamptz', 'interval', 'float8', 'int8'].find((candidate) => types.includes(candidate)) ?? 'int4';
  if (name === '-' && types.every((each) => each === 'timestamptz')) type = 'interval';
  const isInteger = type.startsWith('int') && type !== 'interval';
  const compute: Record<string, (x: number, y: number) => number> = {
    '+': (x, y) => x + y,
    '-': (x, y) => x - y,
    '*': (x, y) => x * y,
    '/': (x, y) => (isInteger ? Math.trunc(x / y) : x / y),
    '%': (x, y) => x % y,
  };
  const apply = compute[name];
  if (!apply) throw new Unsupported(`operator ${name}`);
  const evaluate = (env: Env): unknown => {
    const [x, y] = [a.eval(env), b.eval(env)];
    return x === null || y === null ? null : apply(x as number, y as number);
  };
  return { type, eval: evaluate };
}

function row(node: Ast, scope: Scope): Expression {
  const parts = ((node.args ?? []) as Ast[]).map((arg) => compile(arg, scope));
  const evaluate = (env: Env): unknown => {
    const values = parts.map((part) => part.eval(env));
    return values.includes(null) ? null : values;
  };
  return { type: 'row', eval: evaluate };
}

function anyOf(left: Expression, values: (env: Env) => unknown, cast: Type): Expression {
  const value = as(left, cast);
  const evaluate = (env: Env): unknown => {
    const x = value.eval(env);
    const list = values(env) as unknown[] | null;
    if (x === null || list === null) return null;
    if (list.some((item) => item !== null && compare(x, item) === 0)) return true;
    return list.includes(null) ? null : false;
  };
  return { type: 'bool', eval: evaluate };
}

function not(inner: Expression): Expression {
  return { type: 'bool', eval: (env) => negate(inner.eval(env)) };
}

const negate = (value: unknown): unknown => (value === null ? null : value !== true);

function operatorExpression(fields: Ast, scope: Scope): Expression {
  const name = nameOf(fields.name as Ast[]);
  if (fields.kind === 'AEXPR_IN') {
    const left = compile(fields.lexpr, scope);
    const items = (fields.rexpr.List.items as Ast[]).map((item) => as(compile(item, scope), left.type));
    const found = anyOf(left, (env) => items.map((item) => item.eval(env)), left.type);
    return name === '<>' ? not(found) : found;
  }
  if (fields.kind === 'AEXPR_BETWEEN') {
    const [low, high] = (fields.rexpr.List.items as Ast[]).map((item) => compile(item, scope));
    const value = compile(fields.lexpr, scope);
    return and([operator('>=', value, low), operator('<=', value, high)]);
  }
  const left = compile(fields.lexpr, scope);
  if (fields.kind === 'AEXPR_OP_ANY') {
    const list = as(compile(fields.rexpr, scope), `${left.type}[]`);
    return anyOf(left, (env) => list.eval(env), list.type.slice(0, -2));
  }
  if (fields.kind !== 'AEXPR_OP') throw new Unsupported(`operator ${fields.kind}`, fields);
  return operator(name, left, compile(fields.rexpr, scope));
}

function and(parts: Expression[]): Expression {
  const evaluate = (env: Env): unknown => {
    let result: unknown = true;
    for (const part of parts) {
      const value = part.eval(env);
      if (value === false) return false;
      if (value === null) result = null;
    }
    return result;
  };
  return { type: 'bool', eval: evaluate };
}

function boolean(fields: Ast, scope: Scope): Expression {
  const parts = (fields.args as Ast[]).map((arg) => compile(arg, scope));
  if (fields.boolop === 'AND_EXPR') return and(parts);
  if (fields.boolop === 'NOT_EXPR') return not(parts[0]);
  return not(and(parts.map(not)));
}

function caseOf(fields: Ast, scope: Scope): Expression {
  if (fields.arg) throw new Unsupported('case with an operand', fields);
  const whens = (fields.args as Ast[]).map(({ CaseWhen }) => ({
    test: compile(CaseWhen.expr, scope),
    result: compile(CaseWhen.result, scope),
  }));
  const otherwise: Expression = fields.defresult ? compile(fields.defresult, scope) : { type: 'unknown', eval: () => null };
  const results = [...whens.map((when) => when.result), otherwise];
  const type = results.find((result) => result.type !== 'unknown')?.type ?? 'text';
  const typed = results.map((result) => as(result, type));
  const evaluate = (env: Env): unknown => {
    const index = whens.findIndex((when) => when.test.eval(env) === true);
    return (index < 0 ? typed[typed.length - 1] : typed[index]).eval(env);
  };
  return { type, eval: evaluate };
}

function sublink(fields: Ast, scope: Scope): Expression {
  const select = scope.subselect(fields.subselect, scope);
  const rows = (env: Env): unknown[][] => select.rows(env.ctx, env);
  const { type } = select.columns[0];
  if (fields.subLinkType === 'EXISTS_SUBLINK') return { type: 'bool', eval: (env) => rows(env).length > 0 };
  const wide = select.columns.length > 1;
  if (fields.subLinkType === 'EXPR_SUBLINK') {
    const evaluate = (env: Env): unknown => {
      const first = rows(env)[0];
      return first === undefined ? null : wide ? first : first[0];
    };
    return { type: wide ? 'row' : type, eval: evaluate };
  }
  if (fields.subLinkType !== 'ANY_SUBLINK') throw new Unsupported('subquery', fields);
  const list = (env: Env): unknown => rows(env).map((found) => (wide ? found : found[0]));
  return anyOf(compile(fields.testexpr, scope), list, type);
}

function call(fields: Ast, scope: Scope): Expression {
  const name = nameOf(fields.funcname as Ast[]);
  const args = ((fields.args ?? []) as Ast[]).map((arg) => compile(arg.NamedArgExpr ? arg.NamedArgExpr.arg : arg, scope));
  const named = ((fields.args ?? []) as Ast[])[0]?.NamedArgExpr?.name as string | undefined;
  if (fields.over || isAggregate(name)) {
    const filter = fields.agg_filter ? compile(fields.agg_filter, scope) : undefined;
    const over = fields.over
      ? {
          partition: ((fields.over.partitionClause ?? []) as Ast[]).map((item) => compile(item, scope)),
          order: ((fields.over.orderClause ?? []) as Ast[]).map(({ SortBy }) => compile(SortBy.node, scope)),
        }
      : undefined;
    return aggregate({ name, args, filter, distinct: fields.agg_distinct === true, over });
  }
  return callFunction(name, args, named);
}

/** Compiles an expression of the parse tree to a closure. */
export function compile(node: Ast, scope: Scope): Expression {
  const [kind, fields] = open(node);
  switch (kind) {
    case 'ColumnRef':
      return columnRef(fields, scope);
    case 'ParamRef':
      return { type: 'unknown', eval: (env) => env.ctx.params[fields.number - 1] ?? null };
    case 'A_Const':
      return constant(fields);
    case 'TypeCast': {
      const inner = compile(fields.arg, scope);
      const type = typeOfName(fields.typeName);
      if (inner.type === 'timestamptz' && type === 'text') return { type, eval: (env) => timeText(inner.eval(env)) };
      return { type, eval: (env) => coerce(inner.eval(env), type) };
    }
    case 'A_Expr':
      return operatorExpression(fields, scope);
    case 'BoolExpr':
      return boolean(fields, scope);
    case 'NullTest': {
      const inner = compile(fields.arg, scope);
      const wanted = fields.nulltesttype === 'IS_NULL';
      return { type: 'bool', eval: (env) => (inner.eval(env) === null) === wanted };
    }
    case 'CaseExpr':
      return caseOf(fields, scope);
    case 'RowExpr':
      return row(fields, scope);
    case 'SubLink':
      return sublink(fields, scope);
    case 'FuncCall':
      return call(fields, scope);
    case 'CoalesceExpr':
      return callFunction(
        'coalesce',
        (fields.args as Ast[]).map((arg) => compile(arg, scope)),
      );
    case 'MinMaxExpr': {
      const name = fields.op === 'IS_GREATEST' ? 'greatest' : 'least';
      return callFunction(
        name,
        (fields.args as Ast[]).map((arg) => compile(arg, scope)),
      );
    }
    default:
      throw new Unsupported(`expression ${kind}`, fields);
  }
}
