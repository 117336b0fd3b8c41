// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { Home } from '../local/home';
import { serviceNames, type ServiceName } from '../local/processes';
import { UsageError } from './cli';

/** Where the databases are looked for, in this order; the text goes into each tool's usage. */
export const databaseUsage = `  --service <name>         one service; default: all whose database is known
  --home <folder>          running local platform (default MILLRACE_HOME or .millrace)
Databases: <SERVICE>_DATABASE_URL (such as DATA_PREP_DATABASE_URL), with --service also DATABASE_URL, else the running platform.`;

export interface DatabaseChoice {
  service?: string;
  home?: string;
}

export interface ServiceDatabase {
  service: ServiceName;
  url: string;
}

/** The databases that the command line means. Throws UsageError when there is none. */
export function findDatabases(choice: DatabaseChoice, env: NodeJS.ProcessEnv): ServiceDatabase[] {
  const services = choice.service === undefined ? serviceNames : [asService(choice.service)];
  const running = runningUrls(choice, env);
  const found = services.flatMap((service) => {
    const own = env[`${service.replaceAll('-', '_').toUpperCase()}_DATABASE_URL`];
    const url = own ?? (choice.service === undefined ? undefined : env.DATABASE_URL) ?? running[service];
    return url === undefined ? [] : [{ service, url }];
  });
  if (found.length === 0) throw new UsageError('No database: start the platform (npm start), or give its URL by environment.');
  return found;
}

/** The event log's database: EVENT_LOG_URL, else that of the running platform; undefined on Kafka alone. */
export function findEventLog(choice: DatabaseChoice, env: NodeJS.ProcessEnv): string | undefined {
  return env.EVENT_LOG_URL ?? runningUrls(choice, env)['events'];
}

/** The broker that the command line means: BROKER, else that of the running platform, else Kafka where only KAFKA_BROKERS is set. */
export function runningBroker(choice: DatabaseChoice, env: NodeJS.ProcessEnv): 'event-log' | 'kafka' | undefined {
  if (env.BROKER === 'kafka' || env.BROKER === 'event-log') return env.BROKER;
  const running = Home.readState(homeOf(choice, env))?.broker;
  return running ?? (env.KAFKA_BROKERS && !env.EVENT_LOG_URL ? 'kafka' : undefined);
}

/** Checks the name of a service. */
export function asService(name: string): ServiceName {
  if ((serviceNames as readonly string[]).includes(name)) return name as ServiceName;
  throw new UsageError(`${JSON.stringify(name)} is no service: ${serviceNames.join(', ')}`);
}

function runningUrls(choice: DatabaseChoice, env: NodeJS.ProcessEnv): Record<string, string> {
  return Home.readState(homeOf(choice, env))?.databaseUrls ?? {};
}

function homeOf(choice: DatabaseChoice, env: NodeJS.ProcessEnv): string {
  return resolve(choice.home ?? env.MILLRACE_HOME ?? '.millrace');
}
