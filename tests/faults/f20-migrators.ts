// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Client } from 'pg';
import { hasCode } from '#libs/errors';
import { runMigrations } from '#libs/persistence';
import { projectRoot } from '#libs/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { serviceMigrations } from '../../deploy/scripts/service-migrations';
import type { Fault, FaultContext } from './support/fault';
import type { FaultLab } from './support/fault-lab';
import { hooked } from './support/hooked';
import { waitFor } from './support/wait';

/** As libs/persistence sets it for a migrator: what queues behind one waits no longer. */
const LOCK_TIMEOUT_MS = 5_000;
/** What a request costs by itself on a busy machine. */
const SLACK_MS = 2_000;

/** F20: migrators race, die half way, and work under load; traffic never waits behind one for longer than its lock timeout. */
export const fault: Fault = {
  id: 'F20',
  title: 'Two migrators at once, one killed half way, one under load',
  traffic: ['aliases', 'uploads'],
  async run(context) {
    const { lab } = context;
    const reference = await scratch(lab, 'reference', async (url) => {
      assert.equal((await migrate(url)).code, 0);
    });
    for (let round = 0; round < context.rounds; round += 1) {
      await race(context, reference);
      await killHalfWay(context, reference);
    }
    await migrateUnderLoad(context);
  },
};

/** Three migrators of one empty server: all succeed, and every migration is applied once. */
async function race({ lab, fault: count }: FaultContext, reference: string): Promise<void> {
  count('migrators raced', { migrators: 3 });
  const schema = await scratch(lab, 'raced', async (url) => {
    const ends = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    assert.deepEqual(
      ends.map(({ code }) => code),
      [0, 0, 0],
      ends.map(({ text }) => text).join('\n'),
    );
  });
  assert.equal(schema, reference, 'raced migrators made another schema');
}

/** Killed before a statement chosen at random: the next migrator completes the schema. */
async function killHalfWay({ lab, fault: count, random, long }: FaultContext, reference: string): Promise<void> {
  for (let kill = 0; kill < (long ? 20 : 3); kill += 1) {
    const statement = 1 + Math.floor(random() * 20);
    const schema = await scratch(lab, 'killed', async (url) => {
      const killed = await migrate(url, hooked('kill-at-statement', { KILL_AT_STATEMENT: String(statement) }));
      assert.equal(killed.signal, 'SIGKILL', `the migrator was to die before statement ${statement}: ${killed.text}`);
      count('migrator killed', { statement });
      const next = await migrate(url);
      assert.equal(next.code, 0, next.text);
    });
    assert.equal(schema, reference, `killed before statement ${statement}, the schema differs`);
  }
}

class FaultNote1999999999999 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table registered_models add column fault_note text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table registered_models drop column fault_note');
  }
}

/** A long reader holds the table: the migrator gives up after 5 s instead of holding up all callers; later it succeeds under load. */
async function migrateUnderLoad(context: FaultContext): Promise<void> {
  const { lab, traffic, note, fault: count } = context;
  const run = {
    databaseUrl: lab.postgres.url('registry'),
    service: 'registry',
    migrations: [...serviceMigrations('registry'), FaultNote1999999999999],
  };
  const reader = new Client({ connectionString: lab.postgres.adminUrl('registry'), application_name: 'a long report' });
  await reader.connect();
  try {
    await reader.query('begin');
    await reader.query('select count(*) from registered_models');
    count('migration behind a long reader');
    const startedMs = performance.now();
    const migrating = runMigrations(run).catch((error: unknown) => error);
    await waitFor('callers that queue behind the migrator', () => queued(lab), { timeoutMs: LOCK_TIMEOUT_MS, intervalMs: 50 });
    const outcome = await migrating;
    const waitedMs = performance.now() - startedMs;
    note('migration gave up', { waitedMs });
    assert.ok(hasCode(outcome, 'PERSISTENCE.MIGRATION_FAILED'), `expected a failed migration, not ${String(outcome)}`);
    assert.match((outcome as Error).message, /lock timeout/);
    assert.ok(waitedMs < 15_000, `the migrator waited ${waitedMs} ms for a lock`);
    await traffic.flows({ kinds: ['aliases'] });
    assertWaits(context, startedMs);
  } finally {
    await reader.query('rollback');
    await reader.end();
  }
  count('migration under load');
  const startedMs = performance.now();
  try {
    assert.deepEqual(await runMigrations(run), [FaultNote1999999999999.name]);
    await traffic.flows({ kinds: ['aliases'] });
    assertWaits(context, startedMs);
  } finally {
    await lab.postgres.sql('registry', 'alter table registered_models drop column if exists fault_note');
    await lab.postgres.sql('registry', 'delete from schema_migrations where name = $1', [FaultNote1999999999999.name]);
  }
}

/** True while somebody of the service waits for a lock that a migrator holds or waits for. */
async function queued(lab: FaultLab): Promise<boolean> {
  const rows = await lab.postgres.sql(
    'registry',
    `select 1 from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'millrace-registry'
       and exists (select 1 from pg_locks where pid = any(pg_blocking_pids(pg_stat_activity.pid)) and not granted)`,
  );
  return rows.length > 0;
}

/** No request of this time took longer than the migrator may wait for its lock, tries and all. */
function assertWaits({ traffic, note }: FaultContext, sinceMs: number): void {
  const waits = traffic.acknowledged('aliases').filter(({ endedMs }) => endedMs >= sinceMs);
  const longestMs = Math.max(...waits.map(({ startedMs, endedMs }) => endedMs - startedMs));
  note('longest wait of the traffic', { requests: waits.length, longestMs });
  process.stdout.write(
    `     ${waits.length} moves of aliases beside the migrator, the longest took ${(longestMs / 1000).toFixed(1)} s\n`,
  );
  assert.ok(waits.length > 0, 'no request was answered beside the migrator');
  assert.ok(longestMs < LOCK_TIMEOUT_MS + SLACK_MS, `a request waited ${longestMs} ms beside a migrator`);
}

/** Runs `work` on a database of its own and gives back what its schema is then. */
async function scratch(lab: FaultLab, name: string, work: (url: string) => Promise<void>): Promise<string> {
  const database = `faults_${name}_${Math.floor(performance.now())}`;
  const url = lab.postgres.adminUrl(database);
  try {
    await work(url);
    const rows = await lab.postgres.sql<{ line: string }>(
      database,
      `select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') as line
         from information_schema.columns where table_schema = 'public'
       union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
       union all select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
       union all select 'applied ' || name from schema_migrations
       order by 1`,
    );
    return rows.map(({ line }) => line).join('\n');
  } finally {
    await lab.postgres.sql('postgres', `drop database if exists ${database} with (force)`);
  }
}

interface MigratorEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  text: string;
}

/** `npm run db:migrate` for the registry, as a process. */
function migrate(url: string, env: Record<string, string> = {}): Promise<MigratorEnd> {
  const { PATH, HOME } = process.env;
  const program = join(projectRoot(), 'dist/deploy/scripts/db-migrate.js');
  const child = spawn(process.execPath, [program, '--service', 'registry'], {
    env: { PATH, HOME, DATABASE_URL: url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, text }));
  });
}
