// SPDX-License-Identifier: Apache-2.0
import { CommonErrors, invalidFields } from '#libs/errors';

/** What a principal may do in a workspace; each role includes the ones before it. */
export type Role = 'viewer' | 'editor' | 'approver' | 'admin';

export const ROLES: readonly Role[] = ['viewer', 'editor', 'approver', 'admin'];

/** Who calls. */
export interface Principal {
  /** Such as ada@example.org, 'service:training' or 'local-admin'. */
  subject: string;
  kind: 'user' | 'service' | 'anonymous';
  /** Role by workspace; '*' = every workspace. */
  roles: Record<string, Role>;
}

/** The caller without a token where MILLRACE_AUTH=off. */
export const LOCAL_ADMIN: Principal = Object.freeze({
  subject: 'local-admin',
  kind: 'anonymous',
  roles: Object.freeze({ '*': 'admin' }),
});

/** A caller that a door did not identify (it checks keys of its own, or is public). */
export const NOBODY: Principal = Object.freeze({
  subject: 'anonymous',
  kind: 'anonymous',
  roles: Object.freeze({}),
});

export const DEFAULT_WORKSPACE = 'default';

/** The principal's role in a workspace, or undefined. */
export function roleIn(principal: Principal, workspace: string): Role | undefined {
  const roles = [ownRole(principal, workspace), ownRole(principal, '*')].filter((role) => role !== undefined);
  return roles.sort((a, b) => ROLES.indexOf(b) - ROLES.indexOf(a))[0];
}

export function hasRole(principal: Principal, workspace: string, role: Role): boolean {
  const needed = ROLES.indexOf(role);
  // Every workspace first: platform tokens say so, and the caller's own workspace name need not be looked up then.
  return rankOf(ownRole(principal, '*')) >= needed || rankOf(ownRole(principal, workspace)) >= needed;
}

/** Throws COMMON.FORBIDDEN, which does not tell whether the workspace exists. */
export function requireRole(principal: Principal, workspace: string, role: Role): void {
  if (hasRole(principal, workspace, role)) return;
  throw CommonErrors.FORBIDDEN(`${principal.subject} needs role ${role} in workspace ${JSON.stringify(workspace)}`, {
    workspace,
    role,
  });
}

/** 1-63 of a-z, 0-9 and '-', starting with a letter or digit. */
export function isWorkspaceName(name: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(name);
}

/** Refuses names that are none (isWorkspaceName). */
export function assertWorkspaceName(name: string): void {
  if (!isWorkspaceName(name)) {
    throw invalidFields({ field: 'workspace', message: 'must be 1 to 63 characters of a-z, 0-9 and "-", not starting with "-"' });
  }
}

/** Roles out of a token, refused when malformed (a typo must not silently mean "no role"). */
export function parseRoles(claim: unknown): Record<string, Role> {
  if (claim === undefined || claim === null) return {};
  if (typeof claim !== 'object' || Array.isArray(claim))
    throw CommonErrors.UNAUTHENTICATED('the roles of the token are malformed');
  const roles: Record<string, Role> = {};
  for (const [workspace, role] of Object.entries(claim)) {
    if (!ROLES.includes(role as Role)) throw CommonErrors.UNAUTHENTICATED('the token carries an unknown role');
    roles[workspace] = role as Role;
  }
  return roles;
}

// -1 = no role.
function rankOf(role: Role | undefined): number {
  return role === undefined ? -1 : ROLES.indexOf(role);
}

function ownRole(principal: Principal, workspace: string): Role | undefined {
  return Object.hasOwn(principal.roles, workspace) ? principal.roles[workspace] : undefined;
}
