// SPDX-License-Identifier: Apache-2.0
import { type CallOptions, Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { remainingDeadlineMs } from '#libs/clock';
import { CommonErrors } from '#libs/errors';
import { runInSpan, traceparent as currentTraceparent } from '#libs/observability';
import {
  type GeneratedMethod,
  type GeneratedService,
  methodNameOf,
  type RequestOf,
  type ResponseOf,
  serviceNameOf,
} from './service-types';
import { fromServiceError } from './status-details';
import { BREAK_MARK } from './readable-requests';
import { withAbort } from './with-abort';

/** Options of each call. */
export interface CallSettings {
  /** Required: nothing waits for ever. Cut to what is left of the call being served. */
  deadlineMs: number;
  workspace: string;
  /** Of an event being handled; by default the current trace. */
  traceparent?: string;
  signal?: AbortSignal;
  requestId?: string;
}

type UnaryCall<M extends GeneratedMethod> = (request: RequestOf<M>, settings: CallSettings) => Promise<ResponseOf<M>>;
type ClientStreamCall<M extends GeneratedMethod> = (
  requests: AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
  settings: CallSettings,
) => Promise<ResponseOf<M>>;
type ServerStreamCall<M extends GeneratedMethod> = (
  request: RequestOf<M>,
  settings: CallSettings,
) => AsyncIterable<ResponseOf<M>>;

type CallOf<M extends GeneratedMethod> = M['requestStream'] extends true
  ? ClientStreamCall<M>
  : M['responseStream'] extends true
    ? ServerStreamCall<M>
    : UnaryCall<M>;

/** A typed client: one method per RPC. Failures are AppErrors with the server's code. */
export type RpcClient<S extends GeneratedService> = { [Name in keyof S]: CallOf<S[Name]> } & { close(): void };

export interface RpcClientOptions<S extends GeneratedService> {
  /** host:port, or dns:///name:port for several replicas. */
  address: string;
  /** Name of the calling service, for logs of the other side. */
  service: string;
  /** Gives the bearer token of each call; undefined = none. */
  token?: () => Promise<string | undefined> | string | undefined;
  /** Methods that may be repeated when the server did not answer (UNAVAILABLE): reads, and mutations with a request id. */
  idempotent?: readonly (keyof S & string)[];
  messageBytesMax?: number;
}

const RETRY_POLICY = {
  maxAttempts: 4,
  initialBackoff: '0.1s',
  maxBackoff: '2s',
  backoffMultiplier: 3,
  retryableStatusCodes: ['UNAVAILABLE'],
};

/** Connects lazily; `close` it at the end. Calls spread round robin over the addresses that the name resolves to. */
export function createRpcClient<S extends GeneratedService>(definition: S, options: RpcClientOptions<S>): RpcClient<S> {
  const messageBytesMax = options.messageBytesMax ?? 16 * 1024 * 1024;
  const client = new Client(options.address, credentials.createInsecure(), {
    'grpc.service_config': JSON.stringify(serviceConfig(definition, options.idempotent ?? [])),
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 1,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.primary_user_agent': `millrace-${options.service}`,
    'grpc.use_local_subchannel_pool': 1,
  });
  const caller = new Caller(client, options);
  const methods = Object.entries(definition).map(([name, method]) => [name, caller.bind(method)] as const);
  return { ...Object.fromEntries(methods), close: () => client.close() } as unknown as RpcClient<S>;
}

function serviceConfig(definition: GeneratedService, idempotent: readonly string[]): object {
  const service = serviceNameOf(definition);
  const name = idempotent.map((key) => {
    const method = definition[key];
    if (!method) throw new TypeError(`${service} has no method ${key}`);
    return { service, method: methodNameOf(method.path) };
  });
  return {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: name.length > 0 ? [{ name, retryPolicy: RETRY_POLICY }] : [],
    // Throttling: when more than half of the recent calls fail, retries stop, so that they do not bury a struggling server.
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
  };
}

class Caller {
  constructor(
    private readonly client: Client,
    private readonly options: { service: string; token?: RpcClientOptions<GeneratedService>['token'] },
  ) {}

  bind(method: GeneratedMethod): unknown {
    const { requestStream, responseStream } = method;
    if (requestStream && responseStream)
      return () => Promise.reject(CommonErrors.UNIMPLEMENTED('two-way streams have no client here'));
    if (requestStream)
      return (requests: AsyncIterable<unknown>, settings: CallSettings) => this.clientStream(method, requests, settings);
    if (responseStream) return (request: unknown, settings: CallSettings) => this.serverStream(method, request, settings);
    return (request: unknown, settings: CallSettings) => this.unary(method, request, settings);
  }

  private unary(method: GeneratedMethod, request: unknown, settings: CallSettings): Promise<unknown> {
    return this.inSpan(method, settings, async () => {
      const { metadata, callOptions } = await this.prepare(settings);
      return new Promise((resolve, reject) => {
        const call = this.client.makeUnaryRequest(
          method.path,
          method.requestSerialize as (value: unknown) => Buffer,
          method.responseDeserialize,
          request,
          metadata,
          callOptions,
          (error, value) => (error ? reject(this.wrap(error, method, settings)) : resolve(value)),
        );
        cancelOn(settings.signal, call);
      });
    });
  }

  private clientStream(
    method: GeneratedMethod,
    requests: AsyncIterable<unknown> | Iterable<unknown>,
    settings: CallSettings,
  ): Promise<unknown> {
    return this.inSpan(method, settings, async () => {
      const { metadata, callOptions } = await this.prepare(settings);
      return new Promise((resolve, reject) => {
        let answered = false;
        const call = this.client.makeClientStreamRequest(
          method.path,
          (value: unknown) =>
            value === BROKEN_SOURCE ? BREAK_MARK : (method.requestSerialize as (value: unknown) => Buffer)(value),
          method.responseDeserialize,
          metadata,
          callOptions,
          (error, value) => {
            answered = true;
            call.emit('millrace-answered');
            if (error) reject(this.wrap(error, method, settings));
            else resolve(value);
          },
        );
        let isSent = false;
        // The source failed: the server must see a broken stream, and the caller the source's own error.
        const giveUp = (error: unknown): void => {
          if (answered) return;
          reject(settings.signal?.aborted ? this.wrap(error as ServiceError, method, settings) : (error as Error));
          if (isSent) call.cancel();
          else breakOff(call);
        };
        // Also while the transport is full and while the answer does not come: neither has an end of its own before the deadline.
        const onAbort = (): void => giveUp(settings.signal?.reason);
        settings.signal?.addEventListener('abort', onAbort, { once: true });
        call.once('status', () => settings.signal?.removeEventListener('abort', onAbort));
        sendAll(call, withAbort(requests, settings.signal), () => answered).then(
          () => (isSent = true),
          (error: unknown) => {
            if (!settings.signal?.aborted) giveUp(error);
          },
        );
      });
    });
  }

  private async *serverStream(method: GeneratedMethod, request: unknown, settings: CallSettings): AsyncGenerator<unknown> {
    const { metadata, callOptions } = await this.prepare(settings);
    const call = this.client.makeServerStreamRequest(
      method.path,
      method.requestSerialize as (value: unknown) => Buffer,
      method.responseDeserialize,
      request,
      metadata,
      callOptions,
    );
    cancelOn(settings.signal, call);
    try {
      yield* call as AsyncIterable<unknown>;
    } catch (error) {
      throw this.wrap(error as ServiceError, method, settings);
    } finally {
      // Also when the reader stops early: the server must not go on producing.
      call.cancel();
    }
  }

  private async prepare(settings: CallSettings): Promise<{ metadata: Metadata; callOptions: CallOptions }> {
    if (!(settings.deadlineMs > 0)) throw CommonErrors.INTERNAL('a call needs deadlineMs > 0');
    if (settings.signal?.aborted)
      throw CommonErrors.CANCELLED('the call was cancelled before it began', {}, settings.signal.reason);
    const limitMs = Math.min(settings.deadlineMs, remainingDeadlineMs() ?? Infinity);
    if (limitMs <= 0) throw CommonErrors.DEADLINE('the deadline passed before the call began');
    const metadata = new Metadata();
    metadata.set('x-millrace-workspace', settings.workspace);
    const trace = settings.traceparent ?? currentTraceparent();
    if (trace) metadata.set('traceparent', trace);
    if (settings.requestId) metadata.set('x-request-id', settings.requestId);
    const token = await this.options.token?.();
    if (token) metadata.set('authorization', `Bearer ${token}`);
    return { metadata, callOptions: { deadline: Date.now() + limitMs } };
  }

  private inSpan<T>(method: GeneratedMethod, settings: CallSettings, fn: () => Promise<T>): Promise<T> {
    const header = settings.traceparent;
    return runInSpan({ name: method.path.slice(1), kind: 'client', ...(header ? { traceparent: header } : {}) }, fn);
  }

  private wrap(error: ServiceError, method: GeneratedMethod, settings: CallSettings): Error {
    if (settings.signal?.aborted) return CommonErrors.CANCELLED('the call was cancelled', {}, error);
    return fromServiceError(error, method.path.slice(1));
  }
}

// Cancelling looks like an ordinary end on the wire for a moment (see wasReset in serve-call.ts): the break is part of the stream.
const BROKEN_SOURCE = Symbol('millrace:broken-source');
const BREAK_OFF_MS = 1000;

function breakOff(call: RequestWriter & { cancel(): void }): void {
  const timer = setTimeout(() => call.cancel(), BREAK_OFF_MS);
  timer.unref();
  call.once('status', () => clearTimeout(timer));
  call.write(BROKEN_SOURCE);
}

function cancelOn(
  signal: AbortSignal | undefined,
  call: { cancel(): void; once(event: 'status', listener: () => void): unknown },
): void {
  if (!signal) return;
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  call.once('status', () => signal.removeEventListener('abort', cancel));
}

interface RequestWriter {
  write(message: unknown): boolean;
  end(): void;
  once(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

// Stops early when the server has answered already (a refusal), and waits whenever the transport is full.
async function sendAll(
  call: RequestWriter,
  requests: AsyncIterable<unknown> | Iterable<unknown>,
  answered: () => boolean,
): Promise<void> {
  for await (const request of requests) {
    if (answered()) return;
    if (!call.write(request)) await firstEvent(call, 'drain', 'millrace-answered');
  }
  call.end();
}

function firstEvent(call: RequestWriter, ...events: string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) call.off(event, done);
      resolve();
    };
    for (const event of events) call.once(event, done);
  });
}
