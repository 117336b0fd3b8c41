// SPDX-License-Identifier: Apache-2.0
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { DEFAULT_WORKSPACE } from '#libs/auth';
import { invalidFields } from '#libs/errors';

const PREFIX = /^\/w\/([^/?#]*)(?=[/?#]|$)/;
const fromPath = new WeakMap<IncomingMessage, string>();

/** Takes `/w/<workspace>` off a path and remembers the workspace: for clients that can only change a base URL. */
export function stripWorkspacePrefix(request: IncomingMessage): string {
  const url = request.url ?? '/';
  const match = PREFIX.exec(url);
  if (!match) return url;
  fromPath.set(request, decode(match[1]));
  const rest = url.slice(match[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** The workspace that a request names: path prefix, x-millrace-workspace, x-mlflow-workspace, else `default`. */
export function workspaceOf(request: IncomingMessage): string {
  const path = fromPath.get(request);
  const header = headerOf(request.headers);
  if (path !== undefined && header !== undefined && path !== header) {
    throw invalidFields({ field: 'x-millrace-workspace', message: 'names another workspace than the path' });
  }
  return path ?? header ?? DEFAULT_WORKSPACE;
}

function headerOf(headers: IncomingHttpHeaders): string | undefined {
  const value = headers['x-millrace-workspace'] ?? headers['x-mlflow-workspace'];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not a name that any workspace can have: it is refused as such, with the field named.
    return segment;
  }
}
