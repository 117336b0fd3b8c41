// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { Logger, MigrationInterface } from 'typeorm';
import { isAppError } from '#libs/errors';
import { PersistenceErrors } from './persistence.errors';
import type { Queryable } from './ports';
import { mapDriverError } from './sqlstate';

/** A TypeORM migration class; its name ends in the 13 digits of its time. */
export type MigrationClass = new () => MigrationInterface;

export interface MigrationRun {
  databaseUrl: string;
  service: string;
  migrations: readonly MigrationClass[];
  /** Longest wait for another migrator of the same database. Default 60 s. */
  waitMs?: number;
}

const TABLE = 'schema_migrations';

const nothing = (): void => undefined;
const SILENT: Logger = {
  logQuery: nothing,
  logQueryError: nothing,
  logQuerySlow: nothing,
  logSchemaBuild: nothing,
  logMigration: nothing,
  log: nothing,
};

/**
 * Creates the database when it is missing and applies what is not applied yet, each migration in a transaction of its own
 * (unless it opts out with `transaction = false`, for concurrent indexes). An advisory lock makes a second migrator wait,
 * and `lock_timeout` 5 s keeps a migration from queueing up all traffic behind it. Returns the names applied now.
 */
export async function runMigrations(run: MigrationRun): Promise<string[]> {
  const migrations = inOrder(run.migrations);
  await ensureDatabase(run.databaseUrl);
  const locker = new Client({ connectionString: run.databaseUrl, application_name: `millrace-${run.service}-migrate-lock` });
  locker.on('error', () => undefined); // a lost lock shows below, as a failed migration
  try {
    await locker.connect();
    await takeTurn(locker, run);
    return await apply(run, migrations);
  } catch (error) {
    if (isAppError(error)) throw error;
    throw mapDriverError(error);
  } finally {
    await locker.end();
  }
}

/** Names of migrations that this database lacks: a service is ready only when there is none. */
export async function missingMigrations(db: Queryable, migrations: readonly MigrationClass[]): Promise<string[]> {
  const [table] = await db.query<{ present: boolean }>(`select to_regclass('${TABLE}') is not null as present`);
  if (!table?.present) return inOrder(migrations).map((migration) => migration.name);
  const rows = await db.query<{ name: string }>(`select name from ${TABLE}`);
  const applied = new Set(rows.map((row) => row.name));
  return inOrder(migrations)
    .map((migration) => migration.name)
    .filter((name) => !applied.has(name));
}

/**
 * Asks again and again instead of waiting inside one statement: a waiting statement holds a snapshot, and a concurrent
 * index build waits for every older snapshot, so the two migrators would block each other.
 */
async function takeTurn(locker: Client, { service, waitMs = 60_000 }: MigrationRun): Promise<void> {
  const end = performance.now() + waitMs;
  for (;;) {
    const { rows } = await locker.query<{ taken: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as taken', [
      `millrace-migrate-${service}`,
    ]);
    if (rows[0]?.taken) return;
    if (performance.now() > end)
      throw PersistenceErrors.LOCK_TIMEOUT(`another migrator of ${service} did not finish in ${waitMs} ms`);
    await delay(100);
  }
}

async function apply(run: MigrationRun, migrations: MigrationClass[]): Promise<string[]> {
  // Loaded only here: a running service migrates nothing and should not pay for TypeORM.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { DataSource } = require('typeorm') as typeof import('typeorm');
  const source = new DataSource({
    type: 'postgres',
    url: run.databaseUrl,
    applicationName: `millrace-${run.service}-migrate`,
    migrations,
    migrationsTableName: TABLE,
    migrationsTransactionMode: 'each',
    logging: false,
    logger: SILENT, // the error that we throw says it; TypeORM would print it as well
    extra: { max: 2, connectionTimeoutMillis: 5_000, options: '-c lock_timeout=5000' },
  });
  try {
    await source.initialize();
    return (await source.runMigrations({ transaction: 'each' })).map((migration) => migration.name);
  } catch (cause) {
    const { message, code } = cause as { message?: string; code?: string };
    throw PersistenceErrors.MIGRATION_FAILED(
      `migrating ${run.service} failed: ${message ?? String(cause)}`,
      { sqlstate: code },
      cause,
    );
  } finally {
    if (source.isInitialized) await source.destroy();
  }
}

function inOrder(migrations: readonly MigrationClass[]): MigrationClass[] {
  const seen = new Set<string>();
  for (const { name } of migrations) {
    if (!/\D\d{13}$/.test(name)) throw PersistenceErrors.MIGRATION_FAILED(`migration ${name}: its name must end in 13 digits`);
    if (seen.has(name)) throw PersistenceErrors.MIGRATION_FAILED(`migration ${name} is listed twice`);
    seen.add(name);
  }
  return [...migrations].sort((a, b) => Number(a.name.slice(-13)) - Number(b.name.slice(-13)));
}

async function ensureDatabase(databaseUrl: string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  if (await canConnect(databaseUrl)) return;
  url.pathname = '/postgres';
  const admin = new Client({ connectionString: url.toString(), application_name: 'millrace-create-database' });
  try {
    await admin.connect();
    await admin.query(`create database "${name.replaceAll('"', '""')}"`);
  } catch (error) {
    // Another migrator created it between our look and our call (42P04, or 23505 when at the very same time).
    if (!['42P04', '23505'].includes((error as { code?: string }).code ?? '')) throw mapDriverError(error);
  } finally {
    await admin.end();
  }
}

async function canConnect(databaseUrl: string): Promise<boolean> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === '3D000') return false;
    throw mapDriverError(error);
  } finally {
    await client.end();
  }
}
