// SPDX-License-Identifier: Apache-2.0
import { Kernel } from '../kernel';
import { loadParser } from './ast';
import { Schema } from './schema';
import { Backend, SimPostgres, type Answer } from './server';

const nothing = (): void => undefined;

/** Two sessions on one table; statements answer at once or wait. */
async function open(tables = ['create table t (id int primary key, n bigint not null default 0)']) {
  await loadParser();
  const schema = await Schema.from([], tables);
  const kernel = new Kernel(7);
  // Statements with an old snapshot come by chance; here they happen at once.
  kernel.chance = () => false;
  const server = new SimPostgres(kernel, 'db', schema);
  const session = () => {
    const backend = new Backend(nothing, nothing);
    server.connect(backend);
    return (sql: string, params: unknown[] = []): { answer?: Answer; code?: string } => {
      const result: { answer?: Answer; code?: string } = {};
      server.execute(backend, sql, params, (error, answer) => Object.assign(result, { answer, code: error?.code }));
      return result;
    };
  };
  return { kernel, a: session(), b: session() };
}

describe('the simulated Postgres', () => {
  it('shows a change to others after its commit only, and forgets it on rollback', async () => {
    const { a, b } = await open();
    a('begin');
    a('insert into t (id) values (1)');
    expect(b('select id from t').answer?.rows).toEqual([]);
    a('rollback');
    expect(a('select id from t').answer?.rows).toEqual([]);
    a('begin');
    a('insert into t (id, n) values (1, 5)');
    a('commit');
    expect(b('select id, n from t').answer?.rows).toEqual([{ id: 1, n: '5' }]);
  });

  it('makes an update wait for the row, and then adds to what the first one left', async () => {
    const { kernel, a, b } = await open();
    a('insert into t (id) values (1)');
    a('begin');
    a('update t set n = n + 1 where id = 1');
    const second = b('update t set n = n + 1 where id = 1 returning n');
    expect(second.answer).toBeUndefined();
    a('commit');
    await kernel.run(10, () => second.answer !== undefined);
    expect(second.answer?.rows).toEqual([{ n: '2' }]);
  });

  it('makes an insert of the same key wait, and refuses it after the commit', async () => {
    const { kernel, a, b } = await open();
    a('begin');
    a('insert into t (id) values (1)');
    const plain = b('insert into t (id) values (1)');
    expect(plain.code).toBeUndefined();
    a('commit');
    await kernel.run(10, () => plain.code !== undefined);
    expect(plain.code).toBe('23505');
    expect(b('insert into t (id) values (1) on conflict do nothing returning 1').answer?.rows).toEqual([]);
  });

  it('ends one of two transactions that wait for each other', async () => {
    const { a, b } = await open();
    a('insert into t (id) values (1), (2)');
    a('begin');
    b('begin');
    a('update t set n = 1 where id = 1');
    b('update t set n = 1 where id = 2');
    a('update t set n = 1 where id = 2');
    expect(b('update t set n = 1 where id = 1').code).toBe('40P01');
  });

  it('keeps a partial unique index, which ON CONFLICT must name with its predicate', async () => {
    const { a } = await open([
      "create table u (id int primary key, p text not null default '')",
      "create unique index u_p on u (p) where p <> ''",
    ]);
    a('insert into u (id) values (1), (2)');
    a("insert into u (id, p) values (3, 'x')");
    expect(a("insert into u (id, p) values (4, 'x')").code).toBe('23505');
    expect(a("insert into u (id, p) values (4, 'x') on conflict (p) where p <> '' do nothing returning id").answer?.rows).toEqual(
      [],
    );
    expect(a("insert into u (id, p) values (4, 'x') on conflict (p) do nothing").code).toBe('42P10');
    expect(a("update u set p = 'x' where id = 1").code).toBe('23505');
    a("update u set p = '' where id = 3");
    expect(a("update u set p = 'x' where id = 1 returning id").answer?.rows).toEqual([{ id: 1 }]);
  });

  it('goes through the different values of a column with WITH RECURSIVE, and makes arrays', async () => {
    const { a } = await open(['create table d (workspace text, state text)']);
    a("insert into d (workspace, state) values ('b', 'p'), ('a', 'p'), ('a', 'p'), ('c', 'q'), ('d', 'p')");
    const skip = `with recursive w (name) as (
        (select workspace from d where state = 'p' order by workspace limit 1) union all
        select (select x.workspace from d x where x.state = 'p' and x.workspace > w.name order by x.workspace limit 1)
        from w where w.name is not null)
      select coalesce(array_agg(name), '{}') as names from w`;
    expect(a(skip).answer?.rows).toEqual([{ names: ['a', 'b', 'd', null] }]);
    expect(a("select coalesce(array_agg(workspace), '{}') as names from d where state = 'none'").answer?.rows).toEqual([
      { names: [] },
    ]);
  });

  it('prints times to the microsecond and reads them so', async () => {
    const { a } = await open();
    const text = (time: string) =>
      a('select ($1::timestamptz)::text as t, ($1::timestamptz)::text::timestamptz = $1::timestamptz as same', [time]);
    expect(text('2026-01-01T00:00:00.123456Z').answer?.rows).toEqual([{ t: '2026-01-01 00:00:00.123456+00', same: true }]);
    expect(text('2026-01-01T00:00:00Z').answer?.rows).toEqual([{ t: '2026-01-01 00:00:00+00', same: true }]);
  });

  it('puts objects of jsonb together, compares them by content, and reads a field as text', async () => {
    const { a } = await open([
      "create table j (id int primary key, facts jsonb not null default '{}', n int not null default 0)",
    ]);
    a('insert into j (id) values (1)');
    const add = 'update j set facts = facts || $1::jsonb, n = coalesce(($1::jsonb ->> $2)::integer, n) returning facts, n';
    expect(a(add, ['{"v":3,"x":{"y":1}}', 'v']).answer?.rows).toEqual([{ facts: { v: 3, x: { y: 1 } }, n: 3 }]);
    expect(a(add, ['{"v":null,"z":true}', 'v']).answer?.rows).toEqual([{ facts: { v: null, x: { y: 1 }, z: true }, n: 3 }]);
    const same = (json: string) => a('select facts = $1::jsonb as same from j', [json]).answer?.rows;
    expect(same('{"z":true,"x":{"y":1},"v":null}')).toEqual([{ same: true }]);
    expect(same('{"z":true}')).toEqual([{ same: false }]);
  });
});
