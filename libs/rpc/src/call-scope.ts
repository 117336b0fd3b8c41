// SPDX-License-Identifier: Apache-2.0
import type { Metadata } from '@grpc/grpc-js';
import {
  type Authenticator,
  DEFAULT_WORKSPACE,
  NOBODY,
  type Role,
  requiredRole,
  requireRole,
  skipsAuth,
  type Workspaces,
} from '#libs/auth';
import { newId } from '#libs/clock';
import { CommonErrors } from '#libs/errors';
import type { RpcContext } from './rpc-controller';

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

/** What a door asks of its callers. */
export interface Door {
  handler: object;
  controller: object;
  method: string;
}

// A call without a deadline is bounded all the same.
const UNARY_LIMIT_MS = 60_000;
const STREAM_LIMIT_MS = 60 * 60_000;
const READING = /^(Get|List|Export|Watch|Stream|Search|Count|Check|Preview)/;

/** The deadline of a call, never undefined. */
export function deadlineOf(call: ServerCall, streaming: boolean): Date {
  const own = call.getDeadline();
  const limitMs = Date.now() + (streaming ? STREAM_LIMIT_MS : UNARY_LIMIT_MS);
  const askedMs = own instanceof Date ? own.getTime() : own;
  return new Date(Math.min(askedMs, limitMs));
}

/** Identifies the caller, checks the role, and makes the handler's context. Throws COMMON.UNAUTHENTICATED, FORBIDDEN... */
export async function openScope(
  call: ServerCall,
  door: Door,
  gate: CallGate,
  signal: AbortSignal,
  deadline: Date,
): Promise<RpcContext> {
  const workspace = firstOf(call.metadata, 'x-millrace-workspace') ?? DEFAULT_WORKSPACE;
  const principal = skipsAuth(door.handler, door.controller)
    ? NOBODY
    : await gate.authenticator.authenticate(firstOf(call.metadata, 'authorization'));
  if (principal !== NOBODY)
    requireRole(principal, workspace, requiredRole(door.handler, door.controller) ?? defaultRole(door.method));
  await gate.workspaces.ensure(workspace);
  const requestId = firstOf(call.metadata, 'x-request-id');
  const endsAtMs = performance.now() + (deadline.getTime() - Date.now());
  return {
    workspace,
    principal,
    deadline,
    requestId: requestId && /^[\w.:/+=-]{1,128}$/.test(requestId) ? requestId : newId(),
    signal,
    remainingMs: () => Math.max(0, endsAtMs - performance.now()),
  };
}

/** Aborts when the caller cancels or the deadline passes. `release` must be called when the call ends. */
export function abortOnCancel(call: ServerCall, deadline: Date): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const onCancel = (): void => controller.abort(CommonErrors.CANCELLED('the caller cancelled'));
  const timer = setTimeout(
    () => controller.abort(CommonErrors.DEADLINE('the deadline of the call passed')),
    Math.max(0, deadline.getTime() - Date.now()),
  );
  timer.unref();
  call.on('cancelled', onCancel);
  if (call.cancelled) onCancel();
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      call.off('cancelled', onCancel);
    },
  };
}

export function firstOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function defaultRole(method: string): Role {
  return READING.test(method) ? 'viewer' : 'editor';
}
