// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AnyWorkspace, assertSafeBinding, Authenticator, type Workspaces } from '#libs/auth';
import { SystemClock, UuidIds, type Clock, type Ids } from '#libs/clock';
import type { ProcessSettings } from '#libs/config';
import { createLogger, HealthRegistry, Metrics, ShutdownSequence, startTracing, type Logger } from '#libs/observability';
import { createBlobStore, type BlobStore } from '#libs/storage';

/** What every process has, made before Nest starts so that nothing of it depends on the order of modules. */
export interface ProcessCore {
  service: string;
  version: string;
  settings: ProcessSettings;
  clock: Clock;
  ids: Ids;
  logger: Logger;
  metrics: Metrics;
  health: HealthRegistry;
  shutdown: ShutdownSequence;
  blobs: BlobStore;
  authenticator: Authenticator;
  workspaces: Workspaces;
}

/** Replacements of single parts, for tests. */
export interface CoreOverrides {
  clock?: Clock;
  ids?: Ids;
  logger?: Logger;
}

/** Makes the core of a process. Throws when identity is off while a port binds to more than loopback. */
export function createProcessCore(service: string, settings: ProcessSettings, overrides: CoreOverrides = {}): ProcessCore {
  assertSafeBinding(settings.auth, bindings(settings));
  const version = buildVersion();
  const logger = overrides.logger ?? createLogger(service, settings.logLevel);
  const shutdown = new ShutdownSequence(logger, settings.shutdownSeconds * 1000);
  const blobs = createBlobStore(settings.storageUrl, {
    s3Endpoint: settings.s3Endpoint || undefined,
    s3Region: settings.s3Region,
  });
  shutdown.on('close-pools', 'blobs', () => blobs.close());
  if (settings.otelExporterOtlpEndpoint !== '') {
    const tracing = startTracing({
      service,
      endpoint: settings.otelExporterOtlpEndpoint,
      sampleRatio: settings.otelTracesSampleRatio,
      version,
    });
    shutdown.on('close-pools', 'traces', () => tracing.close());
  }
  return {
    service,
    version,
    settings,
    clock: overrides.clock ?? new SystemClock(),
    ids: overrides.ids ?? new UuidIds(),
    logger,
    metrics: new Metrics(service),
    health: new HealthRegistry(),
    shutdown,
    blobs,
    authenticator: new Authenticator(settings),
    workspaces: new AnyWorkspace(),
  };
}

function bindings(settings: ProcessSettings): string[] {
  const { grpcHost } = settings as { grpcHost?: string };
  return grpcHost === undefined ? [settings.httpHost] : [settings.httpHost, grpcHost];
}

/** Version of the build, from the package.json above the running code (sources and dist alike). */
function buildVersion(): string {
  for (let folder = __dirname; ; folder = join(folder, '..')) {
    try {
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
      if (manifest.name === 'millrace') return manifest.version ?? 'unknown';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    if (join(folder, '..') === folder) return 'unknown';
  }
}
