// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { testSettings } from '#libs/config';
import { messagingMigrations } from '#libs/messaging';
import {
  openPersistence,
  persistenceMigrations,
  runMigrations,
  type Database,
  type Idempotency,
  type MigrationClass,
  type Persistence,
  type UnitOfWork,
} from '#libs/persistence';

/** A migrated database of one spec file. The fields work from `beforeAll` on. */
export interface TestDatabase {
  readonly url: string;
  readonly db: Database;
  readonly uow: UnitOfWork;
  readonly idempotency: Idempotency;
}

/** URL of another database on the test server. */
export function testDatabaseUrl(database: string): string {
  const base = testSettings().millraceTestDatabaseUrl;
  if (base === undefined) {
    throw new Error(
      'No test server: run this spec in the e2e or kafka project of jest.config.js, or set MILLRACE_TEST_DATABASE_URL',
    );
  }
  const url = new URL(base);
  url.pathname = `/${database}`;
  return url.toString();
}

/**
 * Gives the spec file a database of its own, cloned from a template that is migrated once per run with the service's
 * migrations and those of the libraries. Call it at the top of a describe block; it drops the database afterwards.
 */
export function useTestDatabase(service: string, migrations: readonly MigrationClass[] = []): TestDatabase {
  let opened: { url: string; persistence: Persistence } | undefined;
  const current = (): { url: string; persistence: Persistence } => {
    if (!opened) throw new Error('The test database exists from beforeAll on');
    return opened;
  };

  beforeAll(async () => {
    const url = await createTestDatabase(service, migrations);
    opened = { url, persistence: openPersistence({ databaseUrl: url, applicationName: `spec-${service}` }) };
  }, 60_000);
  afterAll(async () => {
    await opened?.persistence.close();
    if (opened) await dropTestDatabase(opened.url);
  }, 30_000);

  return {
    get url() {
      return current().url;
    },
    get db() {
      return current().persistence.database;
    },
    get uow() {
      return current().persistence.unitOfWork;
    },
    get idempotency() {
      return current().persistence.idempotency;
    },
  };
}

/** As `useTestDatabase`, for who manages the life of the database alone. Returns its URL. */
export async function createTestDatabase(service: string, migrations: readonly MigrationClass[] = []): Promise<string> {
  const name = `test_${service.replaceAll('-', '_')}_${randomBytes(6).toString('hex')}`;
  const template = await ensureTemplate(service, [...libraryMigrations(), ...migrations]);
  await withAdmin((admin) => admin.query(`create database "${name}" template "${template}"`));
  return testDatabaseUrl(name);
}

/** Drops it, ending sessions that are still open. */
export async function dropTestDatabase(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await withAdmin((admin) => admin.query(`drop database if exists "${name}" with (force)`));
}

/** What ServiceModule adds to every service. */
function libraryMigrations(): readonly MigrationClass[] {
  return [...persistenceMigrations, ...messagingMigrations];
}

async function ensureTemplate(service: string, migrations: readonly MigrationClass[]): Promise<string> {
  // By content: an edited migration makes another template, also on a server that outlives the run.
  const digest = createHash('sha256').update(migrations.map(String).join('\n')).digest('hex').slice(0, 16);
  const name = `template_${service.replaceAll('-', '_')}_${digest}`;
  await withAdmin(async (admin) => {
    // Other workers wait here for the one that migrates.
    await admin.query('select pg_advisory_lock(hashtextextended($1, 0))', [name]);
    const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount) return;
    const staging = `${name}_staging`;
    await admin.query(`drop database if exists "${staging}" with (force)`);
    await runMigrations({ databaseUrl: testDatabaseUrl(staging), service, migrations });
    await admin.query(`alter database "${staging}" rename to "${name}"`);
  });
  return name;
}

async function withAdmin<T>(work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: testDatabaseUrl('postgres'), application_name: 'spec-admin' });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}
