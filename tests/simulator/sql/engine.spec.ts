// SPDX-License-Identifier: Apache-2.0
import { Kernel } from '../kernel';
import { loadParser } from './ast';
import { Schema } from './schema';
import { Backend, SimPostgres, type Answer } from './server';

const nothing = (): void => undefined;

/** Two sessions on one table; statements answer at once or wait. */
async function open() {
  await loadParser();
  const schema = await Schema.from([], ['create table t (id int primary key, n bigint not null default 0)']);
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
});
