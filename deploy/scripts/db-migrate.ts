// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { eventLogMigrations } from '#libs/messaging';
import { runMigrations } from '#libs/persistence';
import { runCli } from './cli';
import { databaseUsage, findDatabases, findEventLog } from './service-databases';
import { serviceMigrations } from './service-migrations';

const usage = `npm run db:migrate -- [options]
Applies the migrations that a database lacks, under a lock; creates the database when it may. Run it before starting a new build.
${databaseUsage}`;

async function migrate(argv: string[]): Promise<void> {
  const { values } = parseArgs({ args: argv, options: { service: { type: 'string' }, home: { type: 'string' } } });
  for (const { service, url } of findDatabases(values, process.env)) {
    await report(service, runMigrations({ databaseUrl: url, service, migrations: serviceMigrations(service) }));
  }
  const eventLogUrl = values.service === undefined ? findEventLog(values, process.env) : undefined;
  if (eventLogUrl !== undefined) {
    await report('event log', runMigrations({ databaseUrl: eventLogUrl, service: 'events', migrations: eventLogMigrations }));
  }
}

async function report(what: string, run: Promise<string[]>): Promise<void> {
  const applied = await run;
  process.stdout.write(`${what}: ${applied.length === 0 ? 'up to date' : applied.join(', ')}\n`);
}

void runCli(usage, migrate);
