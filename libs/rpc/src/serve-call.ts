// SPDX-License-Identifier: Apache-2.0
import { type handleClientStreamingCall, type handleUnaryCall, type StatusObject, type UntypedHandleCall } from '@grpc/grpc-js';
import { runWithDeadline } from '#libs/clock';
import { type AppError, CommonErrors, isAppError, toAppError } from '#libs/errors';
import { type Logger, runInSpan } from '#libs/observability';
import { abortOnCancel, type CallGate, deadlineOf, type Door, firstOf, openScope, type ServerCall } from './call-scope';
import type { RpcContext } from './rpc-controller';
import type { GeneratedMethod } from './service-types';
import { toGrpcStatus } from './status-details';

export interface CallObserver {
  started(method: string): void;
  ended(method: string, code: string, seconds: number): void;
}

export interface ServeOptions {
  gate: CallGate;
  logger: Logger;
  observer: CallObserver;
}

type HandlerFunction = (request: unknown, ctx: RpcContext) => unknown;
type Writable = NodeJS.EventEmitter & { write(message: unknown): boolean; end(): void; destroyed: boolean };

/** Wraps a handler method as grpc-js wants it: context, deadline, trace, metrics, error mapping, back-pressure. */
export function serveCall(definition: GeneratedMethod, door: Door, instance: object, options: ServeOptions): UntypedHandleCall {
  const handler: HandlerFunction = (request, ctx) => (door.handler as HandlerFunction).call(instance, request, ctx);
  const run = (call: ServerCall, work: (ctx: RpcContext) => Promise<unknown>): Promise<Outcome> =>
    runCall(call, door, options, { streaming: definition.requestStream || definition.responseStream, work });
  if (definition.responseStream) {
    const serve = async (call: ServerCall & Writable & { request?: unknown }): Promise<void> => {
      const requests = definition.requestStream ? readRequests(call as unknown as AsyncIterable<unknown>) : call.request;
      const outcome = await run(call, (ctx) => writeAll(call, handler(requests, ctx) as AsyncIterable<unknown>, ctx));
      if (call.destroyed) return;
      if (outcome.error) call.emit('error', outcome.error);
      else call.end();
    };
    return serve;
  }
  if (definition.requestStream) {
    const serve: handleClientStreamingCall<unknown, unknown> = async (call, callback) => {
      const requests = readRequests(call);
      const outcome = await run(call, async (ctx) => handler(requests, ctx));
      callback(outcome.error ?? null, outcome.value);
    };
    return serve;
  }
  const serve: handleUnaryCall<unknown, unknown> = async (call, callback) => {
    const outcome = await run(call, async (ctx) => handler(call.request, ctx));
    callback(outcome.error ?? null, outcome.value);
  };
  return serve;
}

interface Outcome {
  value?: unknown;
  error?: StatusObject & Error;
}

interface Work {
  streaming: boolean;
  work: (ctx: RpcContext) => Promise<unknown>;
}

async function runCall(call: ServerCall, door: Door, options: ServeOptions, { streaming, work }: Work): Promise<Outcome> {
  const startMs = performance.now();
  const deadline = deadlineOf(call, streaming);
  const { signal, release } = abortOnCancel(call, deadline);
  const header = firstOf(call.metadata, 'traceparent');
  options.observer.started(door.method);
  let code = 'OK';
  try {
    const span = { name: call.getPath().slice(1), kind: 'server' as const, ...(header ? { traceparent: header } : {}) };
    const serve = async (): Promise<unknown> => work(await openScope(call, door, options.gate, signal, deadline));
    // A long stream is not one statement: its deadline would cut every query to the rest of the whole stream, which is harmless.
    const value = await runInSpan(span, () => runWithDeadline(deadline, () => unlessAborted(serve(), signal, streaming)));
    return { value };
  } catch (thrown) {
    const error = signal.aborted && !isAppError(thrown) ? toAppError(signal.reason) : toAppError(thrown);
    code = error.code;
    if (error.kind === 'internal') options.logger.error({ rpc: call.getPath(), code, err: error }, 'rpc failed');
    return { error: asServiceError(error) };
  } finally {
    release();
    options.observer.ended(door.method, code, (performance.now() - startMs) / 1000);
  }
}

// A unary handler that ignores its signal must not hold the answer back; a stream's own writer watches the signal.
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, streaming: boolean): Promise<T> {
  if (streaming) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

// The caller that breaks off ends the iteration with COMMON.CANCELLED: half a stream never looks like a whole one.
async function* readRequests(call: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  try {
    yield* call;
  } catch (error) {
    throw CommonErrors.CANCELLED('the caller broke off the stream', {}, error);
  }
  if (await wasReset(call as unknown as ServerCall)) throw CommonErrors.CANCELLED('the caller broke off the stream');
}

const RESET_GRACE_MS = 25;

/**
 * Whether a stream that ended was in truth reset by the caller. A reset from Node is an END_STREAM frame and then a RST_STREAM
 * frame (http2's `close`), and grpc-js 1.14 reports the first as an ordinary end. Both leave in one go, so the second is here
 * within moments; our own client marks a broken source in the stream itself and does not depend on that.
 */
async function wasReset(call: ServerCall & { call?: { stream?: { aborted?: boolean; rstCode?: number } } }): Promise<boolean> {
  const reset = (): boolean => call.cancelled || call.call?.stream?.aborted === true || (call.call?.stream?.rstCode ?? 0) !== 0;
  if (reset()) return true;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, RESET_GRACE_MS);
    call.once('cancelled', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  return reset();
}

async function writeAll(call: Writable, messages: AsyncIterable<unknown>, ctx: RpcContext): Promise<void> {
  for await (const message of messages) {
    if (ctx.signal.aborted) throw ctx.signal.reason;
    if (!call.write(message)) await drained(call, ctx.signal);
  }
}

function drained(call: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => (): void => {
      call.off('drain', onDrain);
      call.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(CommonErrors.CANCELLED('the caller closed the stream')));
    const onAbort = settle(() => reject(signal.reason as Error));
    call.once('drain', onDrain);
    call.once('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function asServiceError(error: AppError): StatusObject & Error {
  return Object.assign(new Error(error.message), toGrpcStatus(error));
}
