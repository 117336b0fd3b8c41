// SPDX-License-Identifier: Apache-2.0
import { DEFAULT_WORKSPACE, hasRole, type Principal, requireRole } from '#libs/auth';
import { modelNotFound } from '../runtime.errors';

/**
 * The workspace that a model belongs to. Backends know none: the gateway puts it before the name, with a ":" that neither can hold;
 * without one it is `default`.
 */
function workspaceOfModel(name: string): string {
  const colon = name.indexOf(':');
  return colon === -1 ? DEFAULT_WORKSPACE : name.slice(0, colon);
}

/** Whether somebody may see and ask a model of that id or alias. */
export function mayUse(principal: Principal, name: string): boolean {
  return hasRole(principal, workspaceOfModel(name), 'viewer');
}

/** Throws RUNTIME.MODEL_NOT_FOUND, also where another workspace has such a model. */
export function assertMayUse(principal: Principal, name: string): void {
  if (!mayUse(principal, name)) throw modelNotFound(name);
}

/** Throws COMMON.FORBIDDEN unless the principal is an admin wherever one of the names belongs. */
export function assertMayManage(principal: Principal, names: readonly string[]): void {
  for (const name of names) requireRole(principal, workspaceOfModel(name), 'admin');
}
