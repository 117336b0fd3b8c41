// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { processNames, type ProcessName } from './processes';

/** What `npm start` was asked for. */
export interface LaunchOptions {
  /** Folder of all data; made when missing. */
  home: string;
  /** First HTTP port; gRPC is 100 above it, Postgres 32 above it. */
  portBase: number;
  broker: 'event-log' | 'kafka';
  /** Processes to start. */
  only: ProcessName[];
}

/** A mistake on the command line; the message is for people. */
export class UsageError extends Error {}

export const usage = `npm start -- [options]
  --broker event-log|kafka   where events go (default event-log; kafka needs KAFKA_BROKERS=host:port,...)
  --port-base <port>         first port (default 7100): HTTP +0.., gRPC +100.., Postgres +32
  --home <folder>            where data lives (default MILLRACE_HOME or .millrace)
  --only <a,b>               start these processes only: ${processNames.join(', ')}`;

/** Reads the command line; throws UsageError naming the flag. */
export function parseLaunchOptions(argv: string[], env: NodeJS.ProcessEnv): LaunchOptions {
  const { values } = readFlags(argv);
  return {
    home: resolve(values.home ?? env.MILLRACE_HOME ?? '.millrace'),
    portBase: readPortBase(values['port-base']),
    broker: readBroker(values.broker, env),
    only: readOnly(values.only),
  };
}

function readFlags(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: {
        home: { type: 'string' },
        'port-base': { type: 'string' },
        broker: { type: 'string' },
        only: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readPortBase(text: string | undefined): number {
  if (text === undefined) return 7100;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > 65300) {
    throw new UsageError(`--port-base must be a whole number from 1024 to 65300, not "${text}"`);
  }
  return port;
}

function readBroker(text: string | undefined, env: NodeJS.ProcessEnv): LaunchOptions['broker'] {
  if (text === undefined || text === 'event-log') return 'event-log';
  if (text !== 'kafka') throw new UsageError(`--broker must be event-log or kafka, not "${text}"`);
  if (!env.KAFKA_BROKERS) throw new UsageError('--broker kafka needs KAFKA_BROKERS=host:port,...');
  return 'kafka';
}

function readOnly(text: string | undefined): ProcessName[] {
  if (text === undefined) return [...processNames];
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(processNames as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new UsageError(`--only: unknown process ${unknown.join(', ')}; known: ${processNames.join(', ')}`);
  return names as ProcessName[];
}
