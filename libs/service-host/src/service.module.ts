// SPDX-License-Identifier: Apache-2.0
import { type DynamicModule, Module, type Provider, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { AnyWorkspace, Authenticator, ServiceTokens, StoredWorkspaces, Workspaces } from '#libs/auth';
import { Clock, Ids, SystemClock, UuidIds } from '#libs/clock';
import { ProcessSettings, ServiceSettings } from '#libs/config';
import { ErrorFilter, HttpGuard, OutboundHttp } from '#libs/http';
import { Broker, DeadLetters, EventPublisher, kafkaOrLog, Messaging } from '#libs/messaging';
import { createLogger, HealthRegistry, Logger, Metrics, ShutdownSequence } from '#libs/observability';
import { Database, Idempotency, openPersistence, type Persistence, UnitOfWork } from '#libs/persistence';
import { BlobStore, createBlobStore } from '#libs/storage';
import { buildVersion } from './build-version';
import { FatalErrors } from './fatal-errors';
import { RpcClients } from './rpc-clients';
import { SERVICE_DEFINITION, type ServiceDefinition } from './service-definition';

/** Token of the open database access (pool included), for the host itself. */
export const PERSISTENCE = Symbol('millrace:persistence');

/**
 * Gives every module of a service the platform's ports: settings, Clock, Ids, Logger, Metrics, HealthRegistry, ShutdownSequence,
 * BlobStore, OutboundHttp, Authenticator; with ServiceSettings also Database, UnitOfWork, Idempotency, EventPublisher,
 * DeadLetters, Broker, RpcClients. Import it once, in the app module.
 */
@Module({})
export class ServiceModule {
  static forRoot(definition: ServiceDefinition): DynamicModule {
    const { settings } = definition;
    const providers = [
      ...processProviders(definition),
      ...(settings instanceof ServiceSettings ? serviceProviders(definition.service, settings) : [WITHOUT_DATABASE]),
    ];
    const exported = providers.map((provider) => (provider as { provide: symbol | Type }).provide);
    return {
      module: ServiceModule,
      global: true,
      providers: [...providers, ...doorProviders()],
      exports: exported,
    };
  }
}

/** The same for a process without database, events and gRPC. */
@Module({})
export class ProcessModule {
  static forRoot(definition: Pick<ServiceDefinition, 'service' | 'settings' | 'http' | 'overrides'>): DynamicModule {
    return { ...ServiceModule.forRoot(definition), module: ProcessModule };
  }
}

const WITHOUT_DATABASE: Provider = { provide: Workspaces, useFactory: () => new AnyWorkspace() };

function processProviders(definition: ServiceDefinition): Provider[] {
  const { service, settings, overrides = {} } = definition;
  return [
    { provide: SERVICE_DEFINITION, useValue: definition },
    { provide: settings.constructor as Type, useValue: settings },
    { provide: ProcessSettings, useValue: settings },
    { provide: Clock, useFactory: () => overrides.clock ?? new SystemClock() },
    { provide: Ids, useFactory: () => overrides.ids ?? new UuidIds() },
    { provide: Logger, useFactory: () => overrides.logger ?? createLogger(service, settings.logLevel) },
    { provide: Metrics, useFactory: () => new Metrics(service) },
    { provide: HealthRegistry, useFactory: () => new HealthRegistry() },
    { provide: FatalErrors, useFactory: () => new FatalErrors() },
    {
      provide: ShutdownSequence,
      inject: [Logger],
      useFactory: (logger: Logger) => new ShutdownSequence(logger, settings.shutdownSeconds * 1000),
    },
    {
      provide: BlobStore,
      useFactory: () => createBlobStore(settings.storageUrl, { s3Endpoint: settings.s3Endpoint, s3Region: settings.s3Region }),
    },
    { provide: Authenticator, useFactory: () => new Authenticator(settings) },
    {
      provide: ServiceTokens,
      inject: [Authenticator],
      useFactory: (authenticator: Authenticator) => new ServiceTokens(service, authenticator.key),
    },
    { provide: OutboundHttp, useFactory: () => new OutboundHttp(settings.outboundAllowHosts) },
    {
      provide: RpcClients,
      inject: [ServiceTokens, ShutdownSequence],
      useFactory: (tokens: ServiceTokens, shutdown: ShutdownSequence) => new RpcClients(service, tokens, shutdown),
    },
  ];
}

function serviceProviders(service: string, settings: ServiceSettings): Provider[] {
  return [
    { provide: ServiceSettings, useValue: settings },
    {
      provide: PERSISTENCE,
      inject: [Clock, Logger],
      useFactory: (clock: Clock, logger: Logger) =>
        openPersistence({
          databaseUrl: settings.databaseUrl,
          applicationName: `millrace-${service}`,
          connectionsMax: settings.poolMax,
          clock,
          reportError: (error) => logger.error({ err: error }, 'a callback after a commit failed'),
        }),
    },
    { provide: Database, inject: [PERSISTENCE], useFactory: (persistence: Persistence) => persistence.database },
    { provide: UnitOfWork, inject: [PERSISTENCE], useFactory: (persistence: Persistence) => persistence.unitOfWork },
    { provide: Idempotency, inject: [PERSISTENCE], useFactory: (persistence: Persistence) => persistence.idempotency },
    {
      provide: Workspaces,
      inject: [Database],
      useFactory: (database: Database) => new StoredWorkspaces(database, settings.workspaces),
    },
    {
      provide: Broker,
      inject: [Logger, Clock],
      useFactory: (logger: Logger, clock: Clock) => kafkaOrLog(settings, { service, logger, clock }),
    },
    messagingProvider(service, settings),
    { provide: EventPublisher, inject: [Messaging], useFactory: (messaging: Messaging) => messaging.publisher },
    { provide: DeadLetters, inject: [Messaging], useFactory: (messaging: Messaging) => messaging.deadLetters },
  ];
}

function messagingProvider(service: string, settings: ServiceSettings): Provider {
  return {
    provide: Messaging,
    inject: [PERSISTENCE, Broker, Clock, Ids, Logger, Metrics, FatalErrors],
    useFactory: (
      persistence: Persistence,
      broker: Broker,
      ...[clock, ids, logger, metrics, fatal]: [Clock, Ids, Logger, Metrics, FatalErrors]
    ) => {
      const { database, unitOfWork } = persistence;
      return new Messaging({
        service,
        build: buildVersion(),
        databaseUrl: settings.databaseUrl,
        database,
        unitOfWork,
        broker,
        clock,
        ids,
        logger,
        metrics,
        onFatal: (error) => fatal.report(error),
        handlerSecondsMax: settings.handlerSecondsMax,
        partitionsConcurrentMax: Math.max(1, Math.min(4, Math.floor(settings.poolMax / 2))),
      });
    },
  };
}

function doorProviders(): Provider[] {
  return [
    {
      provide: APP_GUARD,
      inject: [Authenticator, Workspaces],
      useFactory: (authenticator: Authenticator, workspaces: Workspaces) => new HttpGuard(authenticator, workspaces),
    },
    { provide: APP_FILTER, inject: [Logger], useFactory: (logger: Logger) => new ErrorFilter(logger) },
  ];
}
