// SPDX-License-Identifier: Apache-2.0
import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Authenticator, Workspaces } from '#libs/auth';
import type { PaceLimits } from '#libs/clock';
import { CommonErrors } from '#libs/errors';
import type { HealthRegistry, Logger, Metrics } from '#libs/observability';
import { CallDeadlines } from './call-deadlines';
import { doorOf } from './call-scope';
import { addReflection } from './reflection';
import { withReadableRequests } from './readable-requests';
import { rpcServiceOf } from './rpc-controller';
import { type CallObserver, serveCall, type ServeOptions } from './serve-call';
import { type GeneratedService, serviceNameOf } from './service-types';
import { blameCallerForBrokenPacking } from './unpack-failures';

export interface RpcServerOptions {
  host: string;
  /** 0 = any free one. */
  port: number;
  messageBytesMax: number;
  /** Instances of classes marked with @RpcController. */
  controllers: object[];
  authenticator: Authenticator;
  workspaces: Workspaces;
  health: HealthRegistry;
  metrics: Metrics;
  logger: Logger;
  /** How slowly the messages of a request stream may come; default: a minute of silence, or less than 1 KiB a second. */
  requestPace?: PaceLimits;
  /** After this a connection takes no more calls; default 5 minutes. */
  connectionAgeMs?: number;
}

/** Longest stream that a client of this platform asks for: the deadline of uploads and exports of whole dataset versions. */
export const STREAM_MS_MAX = 30 * 60_000;

const REQUEST_PACE: PaceLimits = { idleMs: 60_000, bytesPerSecondMin: 1024 };

// Clients re-resolve names and spread over new replicas when their connection ends now and then.
const CONNECTION_AGE_MS = 5 * 60_000;
// What runs on an old connection may end on it; a shorter time would cut long streams below their deadline.
const CONNECTION_AGE_GRACE_MS = STREAM_MS_MAX + 30_000;
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** A gRPC server with health, reflection, identity, deadlines and error mapping. */
export class RpcServer {
  private readonly server: Server;
  private readonly healthService: HealthImplementation;
  private readonly services: { definition: GeneratedService; name: string }[] = [];
  private readonly deadlines = new CallDeadlines();
  private port = 0;

  constructor(private readonly options: RpcServerOptions) {
    // grpc-js writes to the console past every logger; what matters reaches us as errors.
    setLogVerbosity(logVerbosity.NONE);
    this.server = new Server({
      'grpc.max_receive_message_length': options.messageBytesMax,
      'grpc.max_send_message_length': options.messageBytesMax,
      'grpc.max_connection_age_ms': options.connectionAgeMs ?? CONNECTION_AGE_MS,
      'grpc.max_connection_age_grace_ms': CONNECTION_AGE_GRACE_MS,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.max_concurrent_streams': 1000,
      interceptors: [blameCallerForBrokenPacking],
    });
    for (const controller of options.controllers) this.addController(controller);
    this.healthService = new HealthImplementation({ '': 'NOT_SERVING' });
    this.healthService.addToServer(this.server);
    const names = this.services.map((service) => service.name);
    addReflection(this.server, [...names, 'grpc.health.v1.Health']);
    options.health.onChange((ready) => this.setServing(ready));
  }

  /** Binds and serves. Throws COMMON.UNAVAILABLE when the port is taken. Gives the address, with the port that was chosen. */
  async listen(): Promise<string> {
    const { host, port } = this.options;
    const shown = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
    this.port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(`${shown}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error)
          reject(
            CommonErrors.UNAVAILABLE(`gRPC cannot listen on ${shown}:${port}: the port is taken or not allowed`, { port }, error),
          );
        else resolve(bound);
      });
    });
    return this.address();
  }

  /** Where clients find it ('127.0.0.1:7204'). */
  address(): string {
    const { host } = this.options;
    return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${this.port}`;
  }

  /** Refuses new calls, waits for those in flight, and cuts what is left after `forceMs` (open streams would wait for ever). */
  async drain(forceMs = 10_000): Promise<void> {
    this.setServing(false);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.options.logger.warn({ forceMs }, 'gRPC calls in flight were cut');
        this.server.forceShutdown();
        resolve();
      }, forceMs);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private setServing(ready: boolean): void {
    const status = ready ? 'SERVING' : 'NOT_SERVING';
    for (const name of ['', ...this.services.map((service) => service.name)]) this.healthService.setStatus(name, status);
  }

  private addController(controller: object): void {
    const definition = rpcServiceOf(controller.constructor);
    const { authenticator, workspaces, logger, metrics, requestPace = REQUEST_PACE } = this.options;
    const serving: ServeOptions = {
      gate: { authenticator, workspaces },
      logger,
      observer: observeCalls(metrics),
      deadlines: this.deadlines,
      requestPace,
    };
    const implementation: UntypedServiceImplementation = {};
    const missing: string[] = [];
    for (const [name, method] of Object.entries(definition)) {
      const handler = (controller as Record<string, unknown>)[name];
      if (typeof handler !== 'function') {
        missing.push(name);
        continue;
      }
      implementation[name] = serveCall(method, doorOf(controller, handler, method.path), serving);
    }
    if (missing.length > 0) {
      throw CommonErrors.INTERNAL(`${controller.constructor.name} lacks handlers for ${missing.join(', ')}`);
    }
    this.services.push({ definition, name: serviceNameOf(definition) });
    this.server.addService(withReadableRequests(definition) as unknown as ServiceDefinition, implementation);
  }
}

function observeCalls(metrics: Metrics): CallObserver {
  const seconds = metrics.histogram({
    name: 'rpc_seconds',
    help: 'gRPC calls served, by method, code of the error and name of the gRPC status.',
    labelNames: ['method', 'code', 'status'],
  });
  const inFlight = metrics.gauge({ name: 'rpc_in_flight', help: 'gRPC calls being served.' });
  return {
    started: () => inFlight.inc(),
    ended: (method, code, status, elapsedSeconds) => {
      inFlight.dec();
      seconds.observe({ method, code, status }, elapsedSeconds);
    },
  };
}
