// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { dropTestDatabase, testDatabaseUrl } from '#libs/testing';
import { missingMigrations, openPersistence, runMigrations } from '../src';

jest.setTimeout(30_000);

class CreateThings1700000000001 {
  up = (runner: QueryRunner) => runner.query('create table things (id int); select pg_sleep(0.3)');
  down = async () => undefined;
}
class IndexThings1700000000002 {
  readonly transaction = false; // a concurrent index cannot be built inside a transaction
  up = (runner: QueryRunner) => runner.query('create index concurrently things_id on things (id)');
  down = async () => undefined;
}
class Broken1700000000003 {
  up = async (runner: QueryRunner) => {
    await runner.query('create table half (id int)');
    await runner.query('alter table missing add column x int');
  };
  down = async () => undefined;
}

describe('runMigrations', () => {
  let databaseUrl: string;

  beforeEach(() => {
    databaseUrl = testDatabaseUrl(`test_migrations_${randomBytes(4).toString('hex')}`);
  });
  afterEach(() => dropTestDatabase(databaseUrl));

  it('creates the database, and two migrators at once apply each migration once', async () => {
    const migrations = [IndexThings1700000000002, CreateThings1700000000001];
    const runs = await Promise.all([1, 2].map(() => runMigrations({ databaseUrl, service: 'things', migrations })));
    expect(runs.map((names) => names.length).sort()).toEqual([0, 2]);
    expect(await runMigrations({ databaseUrl, service: 'things', migrations })).toEqual([]);
  });

  it('keeps nothing of a migration that failed, says which, and knows what is missing', async () => {
    const migrations = [CreateThings1700000000001, Broken1700000000003];
    await expect(runMigrations({ databaseUrl, service: 'things', migrations })).rejects.toMatchObject({
      code: 'PERSISTENCE.MIGRATION_FAILED',
      message: expect.stringContaining('missing'),
    });
    const persistence = openPersistence({ databaseUrl, applicationName: 'spec' });
    try {
      expect(await missingMigrations(persistence.database, migrations)).toEqual(['Broken1700000000003']);
      expect(
        await persistence.database.query("select to_regclass('half') as half, to_regclass('things') is not null as things"),
      ).toEqual([{ half: null, things: true }]);
    } finally {
      await persistence.close();
    }
  });

  it('does not wait for ever behind another migrator', async () => {
    const slow = runMigrations({ databaseUrl, service: 'things', migrations: [CreateThings1700000000001] });
    const impatient = runMigrations({ databaseUrl, service: 'things', migrations: [CreateThings1700000000001], waitMs: 10 });
    const results = await Promise.allSettled([slow, impatient]);
    for (const result of results.filter((one) => one.status === 'rejected')) {
      expect(result.reason).toMatchObject({ code: 'PERSISTENCE.LOCK_TIMEOUT' });
    }
    expect(results.some((result) => result.status === 'fulfilled')).toBe(true);
  });

  it('refuses a migration whose name has no time', async () => {
    class Nameless {
      up = async () => undefined;
      down = async () => undefined;
    }
    await expect(runMigrations({ databaseUrl, service: 'things', migrations: [Nameless] })).rejects.toThrow(/13 digits/);
  });
});
