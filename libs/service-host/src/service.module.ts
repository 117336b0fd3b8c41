// SPDX-License-Identifier: Apache-2.0
import { Injectable, Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { Authenticator, Workspaces } from '#libs/auth';
import { Clock, Ids } from '#libs/clock';
import { ProcessSettings, ServiceSettings } from '#libs/config';
import { ErrorFilter, HttpGuard } from '#libs/http';
import { Broker, DeadLetters, EventPublisher, Messaging, type EventConsumer } from '#libs/messaging';
import { HealthRegistry, Logger, Metrics, ShutdownSequence } from '#libs/observability';
import { Database, Idempotency, UnitOfWork, type MigrationClass } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import { createProcessCore, type CoreOverrides, type ProcessCore } from './process-core';
import { createServiceCore, type ServiceCore } from './service-core';
import { WorkspaceConsumer } from './workspace.consumer';

export interface HttpDoorOptions {
  /** False where the service answers /version in another protocol's words. */
  versionRoute?: boolean;
}

export interface ServiceModuleOptions {
  service: string;
  settings: ServiceSettings;
  /** The service's own; those of the libs are added. */
  migrations: readonly MigrationClass[];
  consumers?: Type<EventConsumer>[];
  rpc?: Type<object>[];
  http?: HttpDoorOptions;
  overrides?: CoreOverrides;
}

export interface ProcessModuleOptions {
  service: string;
  settings: ProcessSettings;
  http?: HttpDoorOptions;
  overrides?: CoreOverrides;
}

/** What startService finds in the application. */
@Injectable()
export class HostedProcess {
  constructor(
    readonly core: ProcessCore,
    readonly doors: { consumers: Type<EventConsumer>[]; rpc: Type<object>[]; http: HttpDoorOptions },
    readonly service?: ServiceCore,
  ) {}
}

/** The global module of a process without database and events (the runtime). */
@Module({})
export class ProcessModule {
  static forRoot(options: ProcessModuleOptions): DynamicModule {
    const core = createProcessCore(options.service, options.settings, options.overrides);
    const hosted = new HostedProcess(core, { consumers: [], rpc: [], http: options.http ?? {} });
    return assemble(ProcessModule, [...processProviders(core), { provide: HostedProcess, useValue: hosted }]);
  }
}

/** The global module of a service: all ports of the libs, ready to be injected. */
@Module({})
export class ServiceModule {
  static forRoot(options: ServiceModuleOptions): DynamicModule {
    const core = createServiceCore(options.service, options.settings, options);
    const explicit = options.settings.workspaces === 'explicit';
    const consumers = [...(options.consumers ?? []), ...(explicit ? [WorkspaceConsumer] : [])];
    const hosted = new HostedProcess(core, { consumers, rpc: options.rpc ?? [], http: options.http ?? {} }, core);
    return assemble(ServiceModule, [
      ...processProviders(core),
      ...serviceProviders(core),
      ...(explicit ? [{ provide: WorkspaceConsumer, useValue: new WorkspaceConsumer(options.service) }] : []),
      { provide: HostedProcess, useValue: hosted },
    ]);
  }
}

function assemble(module: Type<unknown>, providers: Provider[]): DynamicModule {
  const tokens = providers.map((provider) => (provider as { provide: Type<unknown> }).provide);
  return {
    module,
    global: true,
    providers: [
      ...providers,
      {
        provide: APP_GUARD,
        useFactory: (authenticator: Authenticator, workspaces: Workspaces) => new HttpGuard(authenticator, workspaces),
        inject: [Authenticator, Workspaces],
      },
      { provide: APP_FILTER, useFactory: (logger: Logger) => new ErrorFilter(logger), inject: [Logger] },
    ],
    exports: tokens,
  };
}

function value(provide: unknown, useValue: unknown): Provider {
  return { provide, useValue } as Provider;
}

function processProviders(core: ProcessCore): Provider[] {
  return [
    value(core.settings.constructor, core.settings),
    value(ProcessSettings, core.settings),
    value(Clock, core.clock),
    value(Ids, core.ids),
    value(Logger, core.logger),
    value(Metrics, core.metrics),
    value(HealthRegistry, core.health),
    value(ShutdownSequence, core.shutdown),
    value(BlobStore, core.blobs),
    value(Authenticator, core.authenticator),
    value(Workspaces, core.workspaces),
  ];
}

function serviceProviders(core: ServiceCore): Provider[] {
  return [
    value(ServiceSettings, core.settings),
    value(Database, core.persistence.database),
    value(UnitOfWork, core.persistence.unitOfWork),
    value(Idempotency, core.persistence.idempotency),
    value(Broker, core.broker),
    value(Messaging, core.messaging),
    value(EventPublisher, core.messaging.publisher),
    value(DeadLetters, core.messaging.deadLetters),
  ];
}
