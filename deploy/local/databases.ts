// SPDX-License-Identifier: Apache-2.0
import { Client } from 'pg';
import type { Home } from './home';
import { databaseName, type ServiceName } from './processes';
import { serviceMigrations } from '../scripts/service-migrations';
import { eventLogMigrations } from '#libs/messaging';
import { runMigrations } from '#libs/persistence';

/** Name of the database (and role) of the embedded event log. */
export const EVENT_LOG_DATABASE = 'millrace_events';

/** Makes a role and a database for each service and for the event log, then migrates them. Returns their URLs by service. */
export async function prepareDatabases(
  adminUrl: string,
  home: Home,
  services: readonly ServiceName[],
): Promise<Record<string, string>> {
  const names = [...services.map(databaseName), EVENT_LOG_DATABASE];
  const urls = new Map<string, string>();
  const admin = new Client({ connectionString: adminUrl, application_name: 'millrace-launcher' });
  await admin.connect();
  try {
    for (const name of names) urls.set(name, await ensureDatabase(admin, adminUrl, name, home.databasePassword(name)));
  } finally {
    await admin.end();
  }
  const eventLogUrl = urls.get(EVENT_LOG_DATABASE) as string;
  await Promise.all([
    runMigrations({ databaseUrl: eventLogUrl, service: 'events', migrations: eventLogMigrations }),
    ...services.map((service) =>
      runMigrations({
        databaseUrl: urls.get(databaseName(service)) as string,
        service,
        migrations: serviceMigrations(service),
      }),
    ),
  ]);
  return {
    ...Object.fromEntries(services.map((service) => [service, urls.get(databaseName(service)) as string])),
    events: eventLogUrl,
  };
}

async function ensureDatabase(admin: Client, adminUrl: string, name: string, password: string): Promise<string> {
  const role = await admin.query('select 1 from pg_roles where rolname = $1', [name]);
  const verb = role.rowCount ? 'alter' : 'create';
  // DDL takes no parameters: the name is ours, the password is quoted by the driver.
  await admin.query(`${verb} role ${name} login password ${admin.escapeLiteral(password)}`);
  const database = await admin.query('select 1 from pg_database where datname = $1', [name]);
  if (!database.rowCount) await admin.query(`create database ${name} owner ${name}`);
  await admin.query(`revoke connect on database ${name} from public`);
  const url = new URL(adminUrl);
  url.username = name;
  url.password = password;
  url.pathname = `/${name}`;
  return url.toString();
}
