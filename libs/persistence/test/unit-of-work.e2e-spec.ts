// SPDX-License-Identifier: Apache-2.0
import { runWithDeadline } from '#libs/clock';
import { eventually, useTestDatabase } from '#libs/testing';
import { openPersistence, type Transaction } from '../src';

jest.setTimeout(30_000);

describe('unit of work', () => {
  const database = useTestDatabase('persistence-spec');

  beforeAll(async () => {
    await database.db.query('create table notes (id int primary key, body text)');
  });

  it('commits what returns, rolls back what throws, and calls back only after a commit', async () => {
    const committed: number[] = [];
    const insert = (id: number) => async (tx: Transaction) => {
      await tx.query('insert into notes values ($1)', [id]);
      tx.afterCommit(() => committed.push(id));
      if (id === 2) throw new Error('no');
    };
    await database.uow.run(insert(1));
    await expect(database.uow.run(insert(2))).rejects.toThrow('no');
    expect(await database.db.query('select id from notes order by id')).toEqual([{ id: 1 }]);
    expect(committed).toEqual([1]);
  });

  it('refuses the database, a nested unit of work and a late statement, instead of hanging', async () => {
    let leaked: Transaction | undefined;
    await database.uow.run(async (tx) => {
      leaked = tx;
      await expect(database.db.query('select 1')).rejects.toMatchObject({ code: 'PERSISTENCE.DATA_SOURCE_IN_TRANSACTION' });
      await expect(database.uow.run(async () => 1)).rejects.toMatchObject({ code: 'PERSISTENCE.NESTED_TRANSACTION' });
    });
    await expect(leaked?.query('select 1')).rejects.toMatchObject({ code: 'PERSISTENCE.TRANSACTION_ENDED' });
    expect(await database.db.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('says that nothing was kept when the work swallowed a failed statement', async () => {
    const swallow = database.uow.run(async (tx) => {
      await tx.query('insert into notes values (50)');
      await tx.query('insert into notes values (50)').catch(() => undefined);
    });
    await expect(swallow).rejects.toMatchObject({ code: 'PERSISTENCE.TRANSACTION_ABORTED' });
    expect(await database.db.query('select 1 from notes where id = 50')).toEqual([]);
  });

  it('runs a deadlocked transaction again', async () => {
    await database.db.query("insert into notes values (60, ''), (61, '')");
    let firstLocks = 0;
    const both = (order: number[]) =>
      database.uow.run(async (tx) => {
        await tx.query("update notes set body = body || 'x' where id = $1", [order[0]]);
        firstLocks += 1;
        if (firstLocks <= 2) await eventually(() => firstLocks >= 2);
        await tx.query("update notes set body = body || 'x' where id = $1", [order[1]]);
      });
    await Promise.all([both([60, 61]), both([61, 60])]);
    expect(firstLocks).toBeGreaterThan(2);
    expect(await database.db.query('select body from notes where id in (60, 61)')).toEqual([{ body: 'xx' }, { body: 'xx' }]);
  });

  it('names what the database refused, without the value', async () => {
    const error = await database.db.query("insert into notes values (1, 'secret')").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'PERSISTENCE.UNIQUE_VIOLATION',
      kind: 'already-exists',
      details: { constraint: 'notes_pkey', sqlstate: '23505' },
    });
    expect(JSON.stringify([(error as Error).message, (error as { details: unknown }).details])).not.toContain('secret');
    await expect(database.db.query("select 'x'::int")).rejects.toMatchObject({ code: 'PERSISTENCE.INVALID_VALUE' });
    await expect(database.db.query('select nothing')).rejects.toMatchObject({ code: 'PERSISTENCE.QUERY_FAILED' });
  });

  it('ends a statement when the deadline of the call passes', async () => {
    const slow = runWithDeadline(new Date(Date.now() + 200), () => database.uow.run((tx) => tx.query('select pg_sleep(600)')));
    await expect(slow).rejects.toMatchObject({ code: 'PERSISTENCE.STATEMENT_TIMEOUT', kind: 'deadline' });
    const alone = runWithDeadline(new Date(Date.now() + 200), () => database.db.query('select pg_sleep(600)'));
    await expect(alone).rejects.toMatchObject({ code: 'PERSISTENCE.STATEMENT_TIMEOUT' });
  });

  it('fails in bounded time with a code when the pool is used up', async () => {
    const small = openPersistence({
      databaseUrl: database.url,
      applicationName: 'small',
      connectionsMax: 1,
      connectTimeoutMs: 200,
    });
    try {
      await small.unitOfWork.run(async () => {
        await new Promise<void>((resolve) => {
          // A request of somebody else, not part of the unit of work above.
          setImmediate(() => resolve());
        });
        const other = runOutside(() => small.database.query('select 1'));
        await expect(other).rejects.toMatchObject({ code: 'PERSISTENCE.POOL_EXHAUSTED', kind: 'exhausted' });
      });
      expect(await small.database.query('select 1 as one')).toEqual([{ one: 1 }]);
    } finally {
      await small.close();
    }
  });

  it('is away, not broken, for a server that cannot speak TLS as the URL asks', async () => {
    const url = new URL(database.url);
    url.searchParams.set('sslmode', 'require');
    const secured = openPersistence({ databaseUrl: url.toString(), applicationName: 'secured' });
    try {
      await expect(secured.database.query('select 1')).rejects.toMatchObject({ code: 'PERSISTENCE.UNAVAILABLE' });
    } finally {
      await secured.close();
    }
  });

  it('keeps bigint exact, days without a zone, and jsonb parsed', async () => {
    const [row] = await database.db.query(
      `select 9007199254740993::bigint as big, date '2026-02-28' as day, '{"a":1}'::jsonb as doc`,
    );
    expect(row).toEqual({ big: '9007199254740993', day: '2026-02-28', doc: { a: 1 } });
  });
});

// Leaves the asynchronous context of the unit of work, as an unrelated request would be.
import { AsyncResource } from 'node:async_hooks';
const outside = new AsyncResource('spec-outside');
function runOutside<T>(fn: () => T): T {
  return outside.runInAsyncScope(fn);
}
