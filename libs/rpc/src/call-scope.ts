// SPDX-License-Identifier: Apache-2.0
import type { Metadata } from '@grpc/grpc-js';
import {
  type Authenticator,
  DEFAULT_WORKSPACE,
  NOBODY,
  type Principal,
  type Role,
  requiredRole,
  requireRole,
  skipsAuth,
  type Workspaces,
} from '#libs/auth';
import { newId } from '#libs/clock';
import { type AppError, CommonErrors } from '#libs/errors';
import type { CallDeadlines, Timed } from './call-deadlines';
import type { RpcContext } from './rpc-controller';
import { methodNameOf } from './service-types';

/** What all four kinds of server calls have. */
export interface ServerCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  getPath(): string;
  getPeer(): string;
  on(event: 'cancelled', listener: () => void): unknown;
  once(event: 'cancelled', listener: () => void): unknown;
  off(event: 'cancelled', listener: () => void): unknown;
}

export interface CallGate {
  authenticator: Authenticator;
  workspaces: Workspaces;
}

/** What is known of a method before anybody calls it. */
export interface Door {
  handler: (request: unknown, ctx: RpcContext) => unknown;
  /** 'GetModel'. */
  method: string;
  /** 'millrace.registry.v1.ModelService/GetModel'. */
  span: string;
  /** What it asks of its callers; undefined = it does not identify them. */
  role?: Role;
}

// A call without a deadline is bounded all the same.
const UNARY_LIMIT_MS = 60_000;
const STREAM_LIMIT_MS = 60 * 60_000;
// A caller also cancels at its deadline, which it sees pass a moment before we do: the deadline is what ended that call.
const DEADLINE_SLACK_MS = 100;
const READING = /^(Get|List|Export|Watch|Stream|Search|Count|Check|Preview)/;
const REQUEST_ID = /^[\w.:/+=-]{1,128}$/;

/** The door of one method of a controller; `path` is '/millrace.registry.v1.ModelService/GetModel'. */
export function doorOf(instance: object, handler: object, path: string): Door {
  const controller = instance.constructor;
  const method = methodNameOf(path);
  const role = requiredRole(handler, controller) ?? (READING.test(method) ? 'viewer' : 'editor');
  return {
    handler: (handler as Door['handler']).bind(instance),
    method,
    span: path.slice(1),
    ...(skipsAuth(handler, controller) ? {} : { role }),
  };
}

/**
 * One call being served: its handler's context, and who tells that it must end (the caller cancels, the deadline passes). The
 * signal and the id that the caller did not give are made when the handler asks for them: most never do.
 */
export class CallScope implements RpcContext, Timed {
  workspace = DEFAULT_WORKSPACE;
  principal: Principal = NOBODY;
  readonly deadline: Date;
  readonly endsAtMs: number;
  /** Told once, why the call must end; not any more after `close`. */
  onEnd?: (reason: AppError) => void;
  private reason?: AppError;
  private closed = false;
  private controller?: AbortController;
  private ownRequestId?: string;

  constructor(
    readonly call: ServerCall,
    streaming: boolean,
    private readonly deadlines: CallDeadlines,
  ) {
    const nowMs = Date.now();
    this.deadline = new Date(Math.min(Number(call.getDeadline()), nowMs + (streaming ? STREAM_LIMIT_MS : UNARY_LIMIT_MS)));
    this.endsAtMs = performance.now() + (this.deadline.getTime() - nowMs);
    deadlines.add(this);
    call.on('cancelled', () => this.cancel());
    if (call.cancelled) this.cancel();
  }

  get requestId(): string {
    if (this.ownRequestId === undefined) {
      const given = firstOf(this.call.metadata, 'x-request-id');
      this.ownRequestId = given && REQUEST_ID.test(given) ? given : newId();
    }
    return this.ownRequestId;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.reason) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  /** Why the call must end, if it must. */
  get ended(): AppError | undefined {
    return this.reason;
  }

  remainingMs(): number {
    return Math.max(0, this.endsAtMs - performance.now());
  }

  expire(): void {
    this.end(CommonErrors.DEADLINE('the deadline of the call passed'));
  }

  /** Tells the handler, and who serves the call, that it must end; the first reason counts. */
  end(reason: AppError): void {
    if (this.closed || this.reason) return;
    this.reason = reason;
    this.controller?.abort(reason);
    this.onEnd?.(reason);
  }

  /** The call has its answer: nothing ends it any more. */
  close(): void {
    this.closed = true;
    this.deadlines.remove(this);
  }

  // grpc-js says so of every call once its stream is closed, also of those that went well.
  private cancel(): void {
    if (this.closed) return;
    if (this.remainingMs() <= DEADLINE_SLACK_MS) this.expire();
    else this.end(CommonErrors.CANCELLED('the caller cancelled'));
  }
}

/**
 * Identifies the caller, checks the role and the workspace. Throws COMMON.UNAUTHENTICATED, FORBIDDEN...; gives a promise only where
 * something must be waited for (a token seen for the first time, an unknown workspace).
 */
export function admit(scope: CallScope, door: Door, gate: CallGate): Promise<void> | undefined {
  const { metadata } = scope.call;
  scope.workspace = firstOf(metadata, 'x-millrace-workspace') ?? DEFAULT_WORKSPACE;
  const header = door.role && firstOf(metadata, 'authorization');
  const principal = door.role ? gate.authenticator.known(header) : NOBODY;
  if (principal === undefined) return admitSlowly(scope, door, gate, header);
  scope.principal = principal;
  if (door.role) requireRole(principal, scope.workspace, door.role);
  return gate.workspaces.isKnown(scope.workspace) ? undefined : gate.workspaces.ensure(scope.workspace);
}

async function admitSlowly(scope: CallScope, door: Door, gate: CallGate, header: string | undefined): Promise<void> {
  scope.principal = await gate.authenticator.authenticate(header);
  if (door.role) requireRole(scope.principal, scope.workspace, door.role);
  await gate.workspaces.ensure(scope.workspace);
}

export function firstOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
