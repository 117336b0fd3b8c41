// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';

/** All processes, in the order of the address table. */
export const processNames = ['gateway', 'ingestion', 'data-prep', 'training', 'registry', 'monitoring', 'runtime'] as const;
export type ProcessName = (typeof processNames)[number];

/** Processes that have a database, events and gRPC. */
export const serviceNames = processNames.filter((name) => name !== 'runtime');
export type ServiceName = Exclude<ProcessName, 'runtime'>;

const httpOffsets: Record<ProcessName, number> = {
  gateway: 0,
  ingestion: 1,
  'data-prep': 2,
  training: 3,
  registry: 4,
  monitoring: 5,
  runtime: 20,
};
const GRPC_OFFSET = 100;
const POSTGRES_OFFSET = 32;

export function httpPort(portBase: number, name: ProcessName): number {
  return portBase + httpOffsets[name];
}

/** gRPC port, or undefined for the runtime, which has none. */
export function grpcPort(portBase: number, name: ProcessName): number | undefined {
  return name === 'runtime' ? undefined : portBase + GRPC_OFFSET + httpOffsets[name];
}

export function postgresPort(portBase: number): number {
  return portBase + POSTGRES_OFFSET;
}

/** Database (and role) of a service: `millrace_data_prep`. */
export function databaseName(service: ServiceName): string {
  return `millrace_${service.replaceAll('-', '_')}`;
}

/** Every port that a start needs, with whom it is for. */
export function portsNeeded(portBase: number, names: readonly ProcessName[]): { port: number; what: string }[] {
  return names.flatMap((name) => {
    const grpc = grpcPort(portBase, name);
    const http = { port: httpPort(portBase, name), what: `${name} HTTP` };
    return grpc === undefined ? [http] : [http, { port: grpc, what: `${name} gRPC` }];
  });
}

export interface EnvironmentInput {
  name: ProcessName;
  portBase: number;
  home: string;
  signingKey: string;
  databaseUrl?: string;
  eventLogUrl?: string;
  broker: 'event-log' | 'kafka';
  /** The launcher's own environment: what the user sets there wins. */
  inherited: NodeJS.ProcessEnv;
}

/** Environment of one process: ours, overridden by what the user has set. */
export function processEnvironment(input: EnvironmentInput): NodeJS.ProcessEnv {
  const { name, portBase, home, inherited } = input;
  const grpc = grpcPort(portBase, name);
  const ours: NodeJS.ProcessEnv = {
    HTTP_PORT: String(httpPort(portBase, name)),
    STORAGE_URL: `file://${join(home, 'blobs')}`,
    RUNTIME_URL: `http://127.0.0.1:${httpPort(portBase, 'runtime')}`,
    AUTH_SIGNING_KEY: input.signingKey,
    // The launcher stops children itself; there is no load balancer to wait for.
    SHUTDOWN_READINESS_SECONDS: '0',
    OUTBOUND_ALLOW_HOSTS: '127.0.0.1,localhost',
    WORK_DIR: join(home, 'work', name),
  };
  for (const service of serviceNames) {
    ours[`${service.replaceAll('-', '_').toUpperCase()}_GRPC`] = `127.0.0.1:${grpcPort(portBase, service)}`;
  }
  const own: NodeJS.ProcessEnv = {
    ...(grpc === undefined ? {} : { GRPC_PORT: String(grpc), BROKER: input.broker }),
    ...(input.databaseUrl ? { DATABASE_URL: input.databaseUrl } : {}),
    ...(input.eventLogUrl ? { EVENT_LOG_URL: input.eventLogUrl } : {}),
  };
  return { ...ours, ...inherited, ...own, HTTP_PORT: ours.HTTP_PORT };
}
