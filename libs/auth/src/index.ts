// SPDX-License-Identifier: Apache-2.0
export { assertSafeBinding, Authenticator, isLoopback } from './authenticator';
export type { AuthenticatorOptions } from './authenticator';
export { OidcVerifier } from './oidc-verifier';
export type { OidcOptions } from './oidc-verifier';
export { parsePlatformKey } from './platform-key';
export type { PlatformKey } from './platform-key';
export {
  assertWorkspaceName,
  DEFAULT_WORKSPACE,
  hasRole,
  LOCAL_ADMIN,
  NOBODY,
  parseRoles,
  requireRole,
  roleIn,
  ROLES,
} from './principal';
export type { Principal, Role } from './principal';
export { requiredRole, Requires, SkipAuth, skipsAuth } from './requires';
export { mintToken, PLATFORM_ISSUER, serviceToken, ServiceTokens, verifyPlatformToken } from './tokens';
export type { TokenRequest } from './tokens';
export { addWorkspace, AnyWorkspace, StoredWorkspaces, Workspaces } from './workspaces';
