// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule } from '@nestjs/common';
import { loadSettings, type ProcessSettings, type SettingsClass } from '#libs/config';
import { eventLogMigrations } from '#libs/messaging';
import { HealthRegistry } from '#libs/observability';
import type { MigrationClass } from '#libs/persistence';
import type { RunningService } from '#libs/service-host';
import { createTestDatabase, dropTestDatabase } from './test-database';
import { eventually } from './eventually';

export interface TestServiceOptions<T extends ProcessSettings> {
  service: string;
  settings: SettingsClass<T>;
  module: (settings: T) => DynamicModule;
  /** The service's own; those of the libs are added. */
  migrations: readonly MigrationClass[];
  /** Environment variables over the test defaults. */
  env?: Record<string, string>;
  /** Event log shared with another service under test; default: one of its own. */
  eventLogUrl?: string;
  /** Blob store shared with another service under test. */
  storageUrl?: string;
}

/** A service that runs inside the spec, on databases of its own and free ports. */
export interface TestService {
  baseUrl: string;
  grpcAddress: string;
  databaseUrl: string;
  eventLogUrl: string;
  storageUrl: string;
  app: RunningService['app'];
  /** An instance from the application, wherever it is declared. */
  get<T>(token: abstract new (...args: never[]) => T): T;
  /** Stops it as SIGTERM would and removes what it made. */
  close(): Promise<void>;
}

/** Starts a service and waits until it is ready. Close it in afterAll. */
export async function startTestService<T extends ProcessSettings>(options: TestServiceOptions<T>): Promise<TestService> {
  const databaseUrl = await createTestDatabase(options.service, options.migrations);
  const eventLogUrl = options.eventLogUrl ?? (await createTestDatabase('events', eventLogMigrations));
  const folder = await mkdtemp(join(tmpdir(), `millrace-${options.service}-`));
  const storageUrl = options.storageUrl ?? `file://${join(folder, 'blobs')}`;
  const settings = loadSettings(options.settings, {
    DATABASE_URL: databaseUrl,
    EVENT_LOG_URL: eventLogUrl,
    STORAGE_URL: storageUrl,
    WORK_DIR: join(folder, 'work'),
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    LOG_LEVEL: 'error',
    SHUTDOWN_READINESS_SECONDS: '0',
    AUTH_SIGNING_KEY: 'a-key-for-specs-only-with-32-bytes-or-more',
    OUTBOUND_ALLOW_HOSTS: '127.0.0.1,localhost',
    ...options.env,
  });
  // Loaded only here, so that specs of small libraries do not load Nest and every library above them.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { startService } = require('#libs/service-host') as typeof import('#libs/service-host');
  const started = await startService({ service: options.service, settings, module: options.module });
  const close = async (): Promise<void> => {
    const clean = await started.close();
    await dropTestDatabase(databaseUrl);
    if (options.eventLogUrl === undefined) await dropTestDatabase(eventLogUrl);
    await rm(folder, { recursive: true, force: true });
    if (!clean) throw new Error(`${options.service} did not stop cleanly: see its log above`);
  };
  await waitUntilReady(started, close);
  return {
    baseUrl: started.baseUrl,
    grpcAddress: started.grpcAddress,
    databaseUrl,
    eventLogUrl,
    storageUrl,
    app: started.app,
    get: (token) => started.get(token),
    close,
  };
}

async function waitUntilReady(started: RunningService, close: () => Promise<void>): Promise<void> {
  try {
    await eventually(
      async () => {
        const report = await started.get(HealthRegistry).ready();
        if (!report.ok) throw new Error(`not ready: ${JSON.stringify(report.checks)}`);
        return true;
      },
      { timeoutMs: 20_000 },
    );
  } catch (error) {
    await close();
    throw error;
  }
}
