// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from 'node:http';
import { newId } from '#libs/clock';

/** The caller's x-request-id when it is printable and short, else a new one (log lines must not be forged through it). */
export function makeRequestId(request: IncomingMessage): string {
  const header = request.headers['x-request-id'];
  return typeof header === 'string' && /^[\w.:/+=-]{1,128}$/.test(header) ? header : newId();
}

export function requestIdOf(request: { id?: unknown }): string {
  return typeof request.id === 'string' ? request.id : newId();
}
