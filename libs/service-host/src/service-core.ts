// SPDX-License-Identifier: Apache-2.0
import { StoredWorkspaces } from '#libs/auth';
import type { ServiceSettings } from '#libs/config';
import { kafkaOrLog, Messaging, messagingMigrations, type Broker } from '#libs/messaging';
import {
  missingMigrations,
  openPersistence,
  persistenceMigrations,
  type MigrationClass,
  type Persistence,
} from '#libs/persistence';
import { createProcessCore, type CoreOverrides, type ProcessCore } from './process-core';

/** A process with a database and events. */
export interface ServiceCore extends ProcessCore {
  settings: ServiceSettings;
  persistence: Persistence;
  broker: Broker;
  messaging: Messaging;
  /** Called when a consumer cannot go on; set by runService. */
  onFatal: (error: unknown) => void;
}

/** Makes the core of a service: connects to nothing yet. */
export function createServiceCore(
  service: string,
  settings: ServiceSettings,
  { migrations, overrides }: { migrations: readonly MigrationClass[]; overrides?: CoreOverrides },
): ServiceCore {
  const process = createProcessCore(service, settings, overrides);
  const { clock, ids, logger, metrics, health, shutdown } = process;
  const persistence = openPersistence({
    databaseUrl: settings.databaseUrl,
    applicationName: `millrace-${service}`,
    connectionsMax: settings.poolMax,
    clock,
    reportError: (error) => logger.error({ err: error }, 'a callback after a commit failed'),
  });
  const broker = kafkaOrLog(settings, { service, logger, clock });
  const core = {
    ...process,
    settings,
    persistence,
    broker,
    workspaces: new StoredWorkspaces(persistence.database, settings.workspaces),
    onFatal: (error: unknown) => logger.error({ err: error }, 'a consumer cannot go on'),
  } as unknown as ServiceCore;
  core.messaging = new Messaging({
    service,
    build: process.version,
    databaseUrl: settings.databaseUrl,
    database: persistence.database,
    unitOfWork: persistence.unitOfWork,
    broker,
    clock,
    ids,
    logger,
    metrics,
    onFatal: (error) => core.onFatal(error),
    partitionsConcurrentMax: Math.max(1, Math.floor(settings.poolMax / 2)),
  });
  health.addReadiness('database', () => persistence.database.query('select 1'));
  health.addReadiness('schema', schemaCheck(persistence, [...persistenceMigrations, ...messagingMigrations, ...migrations]));
  shutdown.on('close-pools', 'database', () => persistence.close());
  return core;
}

/** Asks until the schema is complete; a complete schema stays complete for this build. */
function schemaCheck(persistence: Persistence, migrations: MigrationClass[]): () => Promise<string> {
  let complete = false;
  return async () => {
    if (!complete) {
      const missing = await missingMigrations(persistence.database, migrations);
      if (missing.length > 0) return `run db:migrate; missing: ${missing.join(', ')}`;
      complete = true;
    }
    return 'ok';
  };
}
