// SPDX-License-Identifier: Apache-2.0
import type { AddressInfo } from 'node:net';
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { ServiceSettings } from '#libs/config';
import { addSystemRoutes, createHttpApp, observeRequests } from '#libs/http';
import { silentLogger } from '#libs/observability';
import type { EventConsumer } from '#libs/messaging';
import { RpcServer } from '#libs/rpc';
import { HostedProcess } from './service.module';

/** A started process. */
export interface StartedService {
  app: NestFastifyApplication;
  hosted: HostedProcess;
  baseUrl: string;
  /** host:port, or undefined for a process without gRPC. */
  grpcAddress?: string;
  /** Runs the shutdown sequence; true when it ended well and in time. */
  stop(reason: string): Promise<boolean>;
}

/**
 * Builds the application and opens its doors: consumers and relay first (they wait for database and broker by themselves),
 * then gRPC, then HTTP. Registers every part with the shutdown sequence.
 */
export async function startService(module: DynamicModule | Type<unknown>, bodyBytesMax: number): Promise<StartedService> {
  const app = await createHttpApp(module, silentLogger(), { bodyBytesMax });
  const hosted = app.get(HostedProcess);
  const { core, doors } = hosted;
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  observeRequests(fastify, core.metrics, core.logger);
  addSystemRoutes(fastify, core.health, core.metrics, { service: core.service, version: core.version, ...doors.http });
  core.shutdown.on('readiness-off', 'readiness', () => leaveLoadBalancer(hosted));
  await app.init();
  startMessaging(app, hosted);
  const rpc = await startRpc(app, hosted);
  await app.listen(core.settings.httpPort, core.settings.httpHost);
  core.shutdown.on('stop-intake', 'http', () => app.close());
  core.health.markStarted();
  const { port } = app.getHttpServer().address() as AddressInfo;
  const baseUrl = `http://${core.settings.httpHost}:${port}`;
  core.logger.info({ baseUrl, grpcAddress: rpc?.address, version: core.version }, 'started');
  return { app, hosted, baseUrl, grpcAddress: rpc?.address, stop: (reason) => core.shutdown.run(reason) };
}

async function leaveLoadBalancer({ core }: HostedProcess): Promise<void> {
  core.health.drain();
  await core.clock.sleep(core.settings.shutdownReadinessSeconds * 1000);
}

function startMessaging(app: NestFastifyApplication, { core, doors, service }: HostedProcess): void {
  if (!service) return;
  const { messaging, broker, settings } = service;
  if (settings.runConsumers) {
    messaging.start(doors.consumers.map((consumer) => app.get<EventConsumer>(consumer, { strict: false })));
    core.health.addReadiness('events', () => messaging.readiness());
    core.health.addLiveness('events', () => messaging.liveness());
  }
  core.shutdown.on('stop-intake', 'consumers', () => messaging.stopConsumers());
  core.shutdown.on('stop-relay', 'relay', () => messaging.stopRelay());
  core.shutdown.on('flush', 'broker', () => broker.close());
}

async function startRpc(app: NestFastifyApplication, { core, doors, service }: HostedProcess): Promise<RpcServer | undefined> {
  if (!service || doors.rpc.length === 0) return undefined;
  const settings = core.settings as ServiceSettings;
  const server = new RpcServer({
    service: core.service,
    host: settings.grpcHost,
    port: settings.grpcPort,
    messageBytesMax: settings.grpcMessageBytesMax,
    logger: core.logger,
    metrics: core.metrics,
    health: core.health,
    authenticator: core.authenticator,
    workspaces: core.workspaces,
  });
  for (const controller of doors.rpc) server.add(app.get<object>(controller, { strict: false }));
  await server.start();
  core.shutdown.on('stop-intake', 'grpc', () => server.stop());
  return server;
}
