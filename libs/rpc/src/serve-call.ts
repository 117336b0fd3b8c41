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
import { admit, type CallGate, CallScope, type Door, firstOf, type ServerCall } from './call-scope';
import { readRequests, type RequestStream, type RequestTiming } from './read-requests';
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

export interface ServeOptions extends RequestTiming {
  gate: CallGate;
  logger: Logger;
  observer: CallObserver;
}

type Writable = NodeJS.EventEmitter & { write(message: unknown): boolean; end(): void; destroyed: boolean };

/** Wraps a handler method as grpc-js wants it: context, deadline, trace, metrics, error mapping, back-pressure. */
export function serveCall(definition: GeneratedMethod, door: Door, options: ServeOptions): UntypedHandleCall {
  if (definition.responseStream) {
    return (call: ServerCall & Writable & { request?: unknown }): void => {
      const requests = (scope: CallScope): unknown =>
        definition.requestStream ? readRequests(call as unknown as RequestStream, scope, options) : readable(call.request);
      const work = (scope: CallScope): Promise<void> =>
        writeAll(call, door.handler(requests(scope), scope) as AsyncIterable<unknown>, scope);
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
      const work = (scope: CallScope): unknown => door.handler(readRequests(call, scope, options), scope);
      // What waits for the next message learns why none will come.
      const onEnd = (reason: AppError): unknown => call.destroy(reason);
      runCall(call, door, options, { streaming: true, work, answer: callback, onEnd });
    };
    return serve;
  }
  const serve: handleUnaryCall<unknown, unknown> = (call, callback) => {
    const work = (scope: CallScope): unknown => door.handler(readable(call.request), scope);
    runCall(call, door, options, { streaming: false, work, answer: callback });
  };
  return serve;
}

interface Work {
  streaming: boolean;
  work: (scope: CallScope) => unknown;
  answer: (error: (StatusObject & Error) | null, value?: unknown) => void;
  /** The call must end; its caller has been told. */
  onEnd?: (reason: AppError) => void;
}

// Callbacks instead of awaits: with asynchronous context every promise has its price, and this is the path of every call.
function runCall(call: ServerCall, door: Door, options: ServeOptions, { streaming, work, answer, onEnd }: Work): void {
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
    runWithAmbient(ambient, () => logFailure(options.logger, error, scope));
    answer(failure);
  };
  // A unary handler that ignores its signal must not hold the answer back; a stream's own writer watches the signal.
  if (!streaming || onEnd) {
    scope.onEnd = (reason) => {
      fail(reason);
      onEnd?.(reason);
    };
  }
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

// Told once, here: a bug with its stack, an answer that ran out of time with what it waited for. The rest is the caller's.
function logFailure(logger: Logger, error: AppError, scope: CallScope): void {
  if (error.kind !== 'internal' && error.kind !== 'deadline') return;
  const fields = { requestId: scope.requestId, rpc: scope.call.getPath(), code: error.code };
  if (error.kind === 'internal') logger.error({ ...fields, err: error }, 'rpc failed');
  else logger.warn({ ...fields, reason: error.message }, 'rpc ran out of time');
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
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
