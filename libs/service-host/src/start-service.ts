// SPDX-License-Identifier: Apache-2.0
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { assertSafeBinding, Authenticator, Workspaces } from '#libs/auth';
import { CommonErrors } from '#libs/errors';
import { type ProcessSettings, ServiceSettings } from '#libs/config';
import { addSystemRoutes, createHttpApp, observeRequests, openApiDocument, type OpenApiDocument } from '#libs/http';
import { Messaging, messagingMigrations } from '#libs/messaging';
import { createLogger, HealthRegistry, Logger, Metrics, ShutdownSequence, startTracing } from '#libs/observability';
import { Database, missingMigrations, persistenceMigrations, type Persistence, purgeIdempotencyKeys } from '#libs/persistence';
import { RpcServer } from '#libs/rpc';
import { BlobStore } from '#libs/storage';
import { buildVersion } from './build-version';
import { registerShutdown } from './register-shutdown';
import { SERVICE_DEFINITION, type ServiceDefinition } from './service-definition';
import { PERSISTENCE } from './service.module';
import { WorkspacesConsumer } from './workspaces.consumer';

export interface StartOptions<S extends ProcessSettings> {
  service: string;
  settings: S;
  module: (settings: S) => DynamicModule | Type<unknown>;
  /** Called when every route but Nest's is there, to add Fastify hooks (tests check answers against the document). */
  beforeListening?: (app: NestFastifyApplication, document: () => Promise<OpenApiDocument>) => void;
}

/** A running process: every door open, consumers started in the background. */
export interface RunningService {
  app: NestFastifyApplication;
  /** Such as http://127.0.0.1:7104. */
  baseUrl: string;
  /** Such as 127.0.0.1:7204; empty for a process without gRPC. */
  grpcAddress: string;
  /** Anything that a module provides. */
  get<T>(token: Type<T> | (abstract new (...args: never[]) => T) | symbol | string): T;
  /** The graceful stop; true when everything ended well and in time. */
  close(): Promise<boolean>;
}

const STORAGE_CHECK_MS = 15_000;
const PURGE_MS = 10 * 60_000;

/**
 * Boots a service: module, health, doors, consumers. Needs neither database nor broker to be there (it says "not ready" until
 * they are). Throws TypeError for an unsafe binding and COMMON.UNAVAILABLE for a taken port, after closing what was opened.
 */
export async function startService<S extends ProcessSettings>(options: StartOptions<S>): Promise<RunningService> {
  const { service, settings } = options;
  const hosts = settings instanceof ServiceSettings ? [settings.httpHost, settings.grpcHost] : [settings.httpHost];
  assertSafeBinding(settings.auth, hosts);
  const tracing = settings.otelExporterOtlpEndpoint
    ? startTracing({
        service,
        endpoint: settings.otelExporterOtlpEndpoint,
        sampleRatio: settings.otelTracesSampleRatio,
        version: buildVersion(),
      })
    : undefined;
  const module = options.module(settings);
  const app = await createHttpApp(module, createLogger(service, settings.logLevel), {
    bodyBytesMax: settings.httpBodyBytesMax,
    bodyPace: { idleMs: settings.httpBodyIdleSeconds * 1000, bytesPerSecondMin: settings.httpBodyBytesPerSecondMin },
  });
  const get = <T>(token: unknown): T => app.get<T>(token as Type<T>, { strict: false });
  const definition = get<ServiceDefinition>(SERVICE_DEFINITION);
  const shutdown = get<ShutdownSequence>(ShutdownSequence);
  const rpc = settings instanceof ServiceSettings ? makeRpcServer(definition, settings, get) : undefined;
  const document = documentOf(module, definition);
  prepareHttp(app, { definition, document }, get);
  options.beforeListening?.(app, document);
  registerShutdown({ app, settings, get, rpc, tracing });
  try {
    addHealthChecks(definition, get);
    const grpcAddress = rpc ? await rpc.listen() : '';
    await listen(app, settings);
    if (settings instanceof ServiceSettings) startMessaging(definition, settings, get);
    get<HealthRegistry>(HealthRegistry).markStarted();
    const baseUrl = await app.getUrl();
    get<Logger>(Logger).info({ baseUrl, grpcAddress, version: buildVersion() }, 'service started');
    return { app, baseUrl, grpcAddress, get, close: () => shutdown.run('close') };
  } catch (error) {
    await shutdown.run('failed start');
    throw error;
  }
}

type Get = <T>(token: unknown) => T;

function documentOf(module: DynamicModule | Type<unknown>, definition: ServiceDefinition): () => Promise<OpenApiDocument> {
  const { service, http } = definition;
  const versionRoute = http?.versionRoute === undefined ? {} : { versionRoute: http.versionRoute };
  return () => openApiDocument(module, { service, version: buildVersion(), ...versionRoute });
}

interface HttpParts {
  definition: ServiceDefinition;
  document: () => Promise<OpenApiDocument>;
}

function prepareHttp(app: NestFastifyApplication, { definition, document }: HttpParts, get: Get): void {
  const fastify = app.getHttpAdapter().getInstance();
  const shutdown = get<ShutdownSequence>(ShutdownSequence);
  observeRequests(fastify, get(Metrics), get(Logger));
  // Connections that are kept alive would hold the stop: each is told to end with the answer that it waits for.
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (shutdown.started) void reply.header('connection', 'close');
    done();
  });
  addSystemRoutes(fastify, get(HealthRegistry), get(Metrics), {
    service: definition.service,
    version: buildVersion(),
    document,
    ...(definition.http?.versionRoute === undefined ? {} : { versionRoute: definition.http.versionRoute }),
  });
}

async function listen(app: NestFastifyApplication, settings: ProcessSettings): Promise<void> {
  const { httpHost, httpPort } = settings;
  try {
    await app.listen(httpPort, httpHost);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error;
    const why =
      code === 'EADDRINUSE' ? 'the port is taken' : code === 'EACCES' ? 'not allowed' : 'no such address on this machine';
    throw CommonErrors.UNAVAILABLE(`HTTP cannot listen on ${httpHost}:${httpPort}: ${why}`, { port: httpPort }, error);
  }
}

function makeRpcServer(definition: ServiceDefinition, settings: ServiceSettings, get: Get): RpcServer {
  return new RpcServer({
    host: settings.grpcHost,
    port: settings.grpcPort,
    messageBytesMax: settings.grpcMessageBytesMax,
    controllers: (definition.rpc ?? []).map((controller) => get<object>(controller)),
    authenticator: get(Authenticator),
    workspaces: get(Workspaces),
    health: get(HealthRegistry),
    metrics: get(Metrics),
    logger: get(Logger),
  });
}

function addHealthChecks(definition: ServiceDefinition, get: Get): void {
  const health = get<HealthRegistry>(HealthRegistry);
  const store = get<BlobStore>(BlobStore);
  let storageCheckedMs = -Infinity;
  const checkStorage = async (): Promise<void> => {
    // The check writes: once in a while is enough.
    if (performance.now() - storageCheckedMs < STORAGE_CHECK_MS) return;
    await store.check();
    storageCheckedMs = performance.now();
  };
  health.addReadiness('storage', checkStorage, { dependency: true });
  if (!(definition.settings instanceof ServiceSettings)) return;
  const database = get<Database>(Database);
  const messaging = get<Messaging>(Messaging);
  const migrations = [...persistenceMigrations, ...messagingMigrations, ...(definition.migrations ?? [])];
  let schemaRight = false;
  health.addReadiness('database', () => database.query('select 1'), { dependency: true });
  health.addReadiness('schema', async () => {
    if (schemaRight) return;
    const missing = await missingMigrations(database, migrations);
    if (missing.length > 0) throw new Error(`missing migrations: ${missing.join(', ')}; run npm run db:migrate`);
    schemaRight = true;
  });
  if (definition.settings.runConsumers) {
    health.addReadiness('messaging', () => messaging.readiness(), { dependency: true });
    health.addLiveness('messaging', () => messaging.liveness());
  }
  addPoolMetrics(get);
}

function addPoolMetrics(get: Get): void {
  const persistence = get<Persistence>(PERSISTENCE);
  get<Metrics>(Metrics).gauge({
    name: 'pool_connections',
    help: 'Database connections by state; waiting = callers that wait for one.',
    labelNames: ['state'],
    collect: (gauge) => {
      const { total, idle, waiting } = persistence.poolStats();
      gauge.set({ state: 'total' }, total);
      gauge.set({ state: 'idle' }, idle);
      gauge.set({ state: 'waiting' }, waiting);
    },
  });
}

function startMessaging(definition: ServiceDefinition, settings: ServiceSettings, get: Get): void {
  if (!settings.runConsumers) return;
  const own = (definition.consumers ?? []).map((consumer) => get<InstanceType<typeof consumer>>(consumer));
  const learned = settings.workspaces === 'explicit' ? [new WorkspacesConsumer(definition.service)] : [];
  get<Messaging>(Messaging).start([...own, ...learned]);
  const database = get<Database>(Database);
  const logger = get<Logger>(Logger);
  const purge = setInterval(() => {
    purgeIdempotencyKeys(database).catch((error: unknown) => logger.warn({ err: error }, 'old request ids were not purged'));
  }, PURGE_MS);
  purge.unref();
  get<ShutdownSequence>(ShutdownSequence).on('stop-intake', 'purge timer', () => clearInterval(purge));
}
