// SPDX-License-Identifier: Apache-2.0
import { Unsupported } from './ast';
import type { Env, Expression } from './shapes';
import { coerce, compare, textOf, type Type } from './values';

const AGGREGATES = new Set(['count', 'min', 'max', 'sum', 'string_agg', 'array_agg']);

export const isAggregate = (name: string): boolean => AGGREGATES.has(name);

interface Aggregate {
  name: string;
  args: Expression[];
  filter?: Expression;
  distinct: boolean;
  over?: { partition: Expression[]; order: Expression[] };
}

/** An aggregate over the group, or row_number() over a partition. */
export function aggregate({ name, args, filter, distinct, over }: Aggregate): Expression {
  if (over) return rowNumber(name, over);
  const values = (env: Env): unknown[] => {
    const group = (env.group ?? []).filter((member) => filter === undefined || filter.eval(member) === true);
    const all = args.length === 0 ? group.map(() => 1) : group.map((member) => args[0].eval(member));
    const present = name === 'array_agg' ? all : all.filter((value) => value !== null);
    return distinct ? [...new Set(present)].sort(compare) : present;
  };
  switch (name) {
    case 'count':
      return { type: 'int8', eval: (env) => values(env).length };
    case 'sum':
      return { type: 'int8', eval: (env) => values(env).reduce<number>((sum, value) => sum + (value as number), 0) };
    case 'array_agg': {
      const orNull = (list: unknown[]): unknown => (list.length === 0 ? null : list);
      return { type: `${args[0].type}[]`, eval: (env) => orNull(values(env)) };
    }
    case 'string_agg': {
      const separator = args[1];
      const join = (env: Env, list: unknown[]): unknown => {
        const first = env.group?.[0];
        return list.length === 0 || !first ? null : list.join(textOf(separator.eval(first)));
      };
      return { type: 'text', eval: (env) => join(env, values(env)) };
    }
    default: {
      const sign = name === 'min' ? 1 : -1;
      return { type: args[0].type, eval: (env) => values(env).sort((a, b) => sign * compare(a, b))[0] ?? null };
    }
  }
}

function rowNumber(name: string, over: { partition: Expression[]; order: Expression[] }): Expression {
  if (name !== 'row_number') throw new Unsupported(`window function ${name}`);
  const evaluate = (env: Env): unknown => {
    const list = (parts: Expression[], of: Env): unknown[] => parts.map((part) => part.eval(of));
    const mine = list(over.partition, env);
    const peers = (env.all ?? []).filter((other) => compare(list(over.partition, other), mine) === 0);
    return peers.sort((a, b) => compare(list(over.order, a), list(over.order, b))).indexOf(env) + 1;
  };
  return { type: 'int8', eval: evaluate };
}

type Simple = [type: Type, argTypes: Type[], fn: (args: unknown[], env: Env) => unknown];

const FUNCTIONS: Record<string, Simple> = {
  now: ['timestamptz', [], (_args, env) => env.ctx.tx.startMs],
  clock_timestamp: ['timestamptz', [], (_args, env) => env.ctx.clockMs],
  cardinality: ['int4', ['text[]'], ([list]) => (list as unknown[]).length],
  length: ['int4', ['text'], ([text]) => (text as string).length],
  // The engine's locks are named by their text: a hash would only make collisions possible.
  hashtextextended: ['lock', ['text', 'int8'], ([text]) => text],
  pg_try_advisory_lock: [
    'bool',
    ['lock'],
    ([key], env) => env.ctx.host.advisoryLock(key as string, env.ctx, { wait: false, untilTxEnds: false }),
  ],
  pg_advisory_xact_lock: [
    'void',
    ['lock'],
    ([key], env) => void env.ctx.host.advisoryLock(key as string, env.ctx, { wait: true, untilTxEnds: true }),
  ],
  pg_notify: [
    'void',
    ['text', 'text'],
    ([channel, payload], env) => void env.ctx.tx.notices.push({ channel: channel as string, payload: payload as string }),
  ],
  extract: ['float8', ['text', 'interval'], ([, spanMs]) => (spanMs as number) / 1_000], // only ever of epoch
  date_trunc: ['timestamptz', ['text', 'timestamptz'], ([, at]) => Math.floor(at as number)],
};

/** A function that the engine knows, or one of the database (append_messages). */
export function callFunction(name: string, args: Expression[], named?: string): Expression {
  if (name === 'coalesce' || name === 'greatest' || name === 'least') return variadic(name, args);
  if (name === 'make_interval') {
    const unit = named === 'secs' ? 1_000 : named === 'days' ? 86_400_000 : undefined;
    if (unit === undefined) throw new Unsupported(`make_interval of ${named}`);
    return { type: 'interval', eval: (env) => Number(args[0].eval(env)) * unit };
  }
  const known = FUNCTIONS[name];
  if (!known) {
    return {
      type: 'void',
      eval: (env) =>
        env.ctx.host.callFunction(
          name,
          args.map((arg) => arg.eval(env)),
          env.ctx,
        ),
    };
  }
  const [type, argTypes, fn] = known;
  const evaluate = (env: Env): unknown => {
    const values = args.map((arg, i) => (arg.type === 'unknown' ? coerce(arg.eval(env), argTypes[i]) : arg.eval(env)));
    return values.includes(null) ? null : (fn(values, env) ?? '');
  };
  return { type, eval: evaluate };
}

function variadic(name: string, args: Expression[]): Expression {
  const type = args.find((arg) => arg.type !== 'unknown')?.type ?? 'text';
  const pick: Record<string, (values: unknown[]) => unknown> = {
    coalesce: (values) => values[0] ?? null,
    greatest: (values) => values.sort(compare).at(-1) ?? null,
    least: (values) => values.sort(compare)[0] ?? null,
  };
  const choose = pick[name];
  const evaluate = (env: Env): unknown =>
    choose(args.map((arg) => coerce(arg.eval(env), arg.type === 'unknown' ? type : '')).filter((value) => value !== null));
  return { type, eval: evaluate };
}
