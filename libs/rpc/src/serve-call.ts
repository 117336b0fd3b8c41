// SPDX-License-Identifier: Apache-2.0
import {
  type handleClientStreamingCall,
  type handleUnaryCall,
  status,
  type StatusObject,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { currentAmbient, earliestDeadline, runWithAmbient } from '#libs/clock';
import { type AppError, CommonErrors, isAppError, toAppError } from '#libs/errors';
import { type Logger, openSpan } from '#libs/observability';
import type { CallDeadlines } from './call-deadlines';
import { admit, type CallGate, CallScope, type Door, firstOf, type ServerCall } from './call-scope';
import { readable } from './readable-requests';
import type { RpcContext } from './rpc-controller';
import type { GeneratedMethod } from './service-types';
import { toGrpcStatus } from './status-details';

/** The code of a call that went well, as its error's and as its status. */
const OK = 'OK';

export interface CallObserver {
  started(method: string): void;
  /** `code` is the error's own, `status` the name of the gRPC status; both OK when it went well. */
  ended(method: string, code: string, status: string, seconds: number): void;
}

export interface ServeOptions {
  gate: CallGate;
  logger: Logger;
  observer: CallObserver;
  deadlines: CallDeadlines;
}

type Writable = NodeJS.EventEmitter & { write(message: unknown): boolean; end(): void; destroyed: boolean };

/** Wraps a handler method as grpc-js wants it: context, deadline, trace, metrics, error mapping, back-pressure. */
export function serveCall(definition: GeneratedMethod, door: Door, options: ServeOptions): UntypedHandleCall {
  if (definition.responseStream) {
    return (call: ServerCall & Writable & { request?: unknown }): void => {
      const requests = definition.requestStream ? readRequests(call as unknown as AsyncIterable<unknown>) : call.request;
      const work = (ctx: RpcContext): Promise<void> =>
        writeAll(call, door.handler(readable(requests), ctx) as AsyncIterable<unknown>, ctx);
      runCall(call, door, options, {
        streaming: true,
        work,
        answer: (error) => {
          if (call.destroyed) return;
          if (error) call.emit('error', error);
          else call.end();
        },
      });
    };
  }
  if (definition.requestStream) {
    const serve: handleClientStreamingCall<unknown, unknown> = (call, callback) => {
      const requests = readRequests(call);
      runCall(call, door, options, { streaming: true, work: (ctx) => door.handler(requests, ctx), answer: callback });
    };
    return serve;
  }
  const serve: handleUnaryCall<unknown, unknown> = (call, callback) => {
    const work = (ctx: RpcContext): unknown => door.handler(readable(call.request), ctx);
    runCall(call, door, options, { streaming: false, work, answer: callback });
  };
  return serve;
}

interface Work {
  streaming: boolean;
  work: (ctx: RpcContext) => unknown;
  answer: (error: (StatusObject & Error) | null, value?: unknown) => void;
}

// Callbacks instead of awaits: with asynchronous context every promise has its price, and this is the path of every call.
function runCall(call: ServerCall, door: Door, options: ServeOptions, { streaming, work, answer }: Work): void {
  const startMs = performance.now();
  const scope = new CallScope(call, streaming, options.deadlines);
  options.observer.started(door.method);
  const header = firstOf(call.metadata, 'traceparent');
  const span = openSpan({ name: door.span, kind: 'server', ...(header ? { traceparent: header } : {}) });
  let answered = false;
  const close = (code: string, statusName: string): void => {
    answered = true;
    scope.close();
    span.end();
    options.observer.ended(door.method, code, statusName, (performance.now() - startMs) / 1000);
  };
  const succeed = (value: unknown): void => {
    if (answered) return;
    close(OK, OK);
    answer(null, value);
  };
  const fail = (thrown: unknown): void => {
    if (answered) return;
    const error = scope.ended && !isAppError(thrown) ? scope.ended : toAppError(thrown);
    const failure = asServiceError(error);
    span.fail(thrown);
    close(error.code, status[failure.code]);
    if (error.kind === 'internal') {
      runWithAmbient(ambient, () => options.logger.error({ rpc: call.getPath(), code: error.code, err: error }, 'rpc failed'));
    }
    answer(failure);
  };
  // A unary handler that ignores its signal must not hold the answer back; a stream's own writer watches the signal.
  if (!streaming) scope.onEnd = fail;
  // A long stream is not one statement: its deadline would cut every query to the rest of the whole stream, which is harmless.
  const ambient = { deadline: earliestDeadline(currentAmbient(), scope.deadline), trace: span.trace };
  runWithAmbient(ambient, () => {
    try {
      if (scope.ended) throw scope.ended;
      const admission = admit(scope, door, options.gate);
      const result = admission ? admission.then(() => work(scope)) : work(scope);
      if (isPromise(result)) result.then(succeed, fail);
      else succeed(result);
    } catch (error) {
      fail(error);
    }
  });
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}

// The caller that breaks off ends the iteration with COMMON.CANCELLED: half a stream never looks like a whole one.
async function* readRequests(call: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  try {
    for await (const request of call) yield readable(request);
  } catch (error) {
    if (isAppError(error)) throw error;
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
