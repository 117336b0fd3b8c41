// SPDX-License-Identifier: Apache-2.0
import { decodeJwt } from 'jose';
import { CommonErrors } from '#libs/errors';
import { OidcVerifier } from './oidc-verifier';
import { parsePlatformKey, type PlatformKey } from './platform-key';
import { LOCAL_ADMIN, type Principal } from './principal';
import { PLATFORM_ISSUER, verifyPlatformToken } from './tokens';

export interface AuthenticatorOptions {
  auth: 'on' | 'off';
  authSigningKey?: string;
  oidcIssuer?: string;
  oidcAudience?: string;
  oidcRolesClaim?: string;
}

/** Tells who calls, for every door. A token that is presented is verified also where identity is off. */
export class Authenticator {
  readonly key?: PlatformKey;
  private readonly oidc?: OidcVerifier;

  constructor(private readonly options: AuthenticatorOptions) {
    if (options.authSigningKey) this.key = parsePlatformKey(options.authSigningKey);
    if (options.oidcIssuer) {
      this.oidc = new OidcVerifier({
        issuer: options.oidcIssuer,
        audience: options.oidcAudience ?? 'millrace',
        rolesClaim: options.oidcRolesClaim ?? 'millrace_roles',
      });
    }
  }

  /** The principal of an Authorization header (Bearer, or Basic with the token as password). Throws COMMON.UNAUTHENTICATED. */
  async authenticate(header: string | undefined): Promise<Principal> {
    if (header === undefined || header === '') {
      if (this.options.auth === 'off') return LOCAL_ADMIN;
      throw CommonErrors.UNAUTHENTICATED('a bearer token is required');
    }
    return this.verify(tokenOf(header));
  }

  /** The principal of a bare token. */
  async verify(token: string): Promise<Principal> {
    const issuer = issuerOf(token);
    if (issuer === PLATFORM_ISSUER && this.key) return verifyPlatformToken(this.key, token);
    if (issuer === this.options.oidcIssuer && this.oidc) return this.oidc.verify(token);
    throw CommonErrors.UNAUTHENTICATED('the token comes from an unknown issuer');
  }
}

/** Throws when identity is off although a port could be reached from other machines. */
export function assertSafeBinding(auth: 'on' | 'off', hosts: string[]): void {
  const open = hosts.filter((host) => !isLoopback(host));
  if (auth === 'off' && open.length > 0) {
    throw new TypeError(
      `MILLRACE_AUTH=off is refused while a port binds to ${open.join(', ')}: set MILLRACE_AUTH=on or bind to 127.0.0.1`,
    );
  }
}

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return bare === 'localhost' || bare === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

function tokenOf(header: string): string {
  const [scheme, value, ...rest] = header.trim().split(/\s+/);
  if (value === undefined || rest.length > 0) throw CommonErrors.UNAUTHENTICATED('the Authorization header is malformed');
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() === 'basic') {
    const decoded = Buffer.from(value, 'base64').toString('utf8');
    const colon = decoded.indexOf(':');
    if (colon >= 0) return decoded.slice(colon + 1);
  }
  throw CommonErrors.UNAUTHENTICATED('the Authorization header is neither Bearer nor Basic');
}

// Only chooses the verifier; nothing is trusted before the signature was checked.
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch (error) {
    throw CommonErrors.UNAUTHENTICATED('the token is malformed', {}, error);
  }
}
