// SPDX-License-Identifier: Apache-2.0
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type ProcessSettings, ServiceSettings } from '#libs/config';
import { OutboundHttp } from '#libs/http';
import { Broker, Messaging } from '#libs/messaging';
import { HealthRegistry, Metrics, ShutdownSequence } from '#libs/observability';
import type { Persistence } from '#libs/persistence';
import type { RpcServer } from '#libs/rpc';
import { BlobStore } from '#libs/storage';
import { PERSISTENCE } from './service.module';

interface Parts {
  app: NestFastifyApplication;
  settings: ProcessSettings;
  get: <T>(token: unknown) => T;
  rpc: RpcServer | undefined;
  tracing: { close(): Promise<void> } | undefined;
}

/** The order of a stop (reliability section 3): not ready, pause, doors and consumers, relay, flush, pools. */
export function registerShutdown({ app, settings, get, rpc, tracing }: Parts): void {
  const shutdown = get<ShutdownSequence>(ShutdownSequence);
  const health = get<HealthRegistry>(HealthRegistry);
  shutdown.on('readiness-off', 'health', async () => {
    health.drain();
    await new Promise((resolve) => setTimeout(resolve, settings.shutdownReadinessSeconds * 1000));
  });
  // Also runs Nest's destroy hooks; they must not close what a request in flight needs.
  shutdown.on('stop-intake', 'http', () => app.close());
  if (rpc) shutdown.on('stop-intake', 'grpc', () => rpc.drain());
  shutdown.on('flush', 'outbound', () => get<OutboundHttp>(OutboundHttp).close());
  shutdown.on('close-pools', 'blobs', () => get<BlobStore>(BlobStore).close());
  shutdown.on('close-pools', 'metrics', () => get<Metrics>(Metrics).close());
  if (tracing) shutdown.on('close-pools', 'traces', () => tracing.close());
  if (!(settings instanceof ServiceSettings)) return;
  const messaging = get<Messaging>(Messaging);
  shutdown.on('stop-intake', 'consumers', () => messaging.stopConsumers());
  shutdown.on('stop-relay', 'relay', () => messaging.stopRelay());
  shutdown.on('flush', 'broker', () => get<Broker>(Broker).close());
  shutdown.on('close-pools', 'database', () => get<Persistence>(PERSISTENCE).close());
}
