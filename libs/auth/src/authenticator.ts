// SPDX-License-Identifier: Apache-2.0
import { decodeJwt } from 'jose';
import { CommonErrors } from '#libs/errors';
import { OidcVerifier } from './oidc-verifier';
import { parsePlatformKey, type PlatformKey } from './platform-key';
import { LOCAL_ADMIN, type Principal } from './principal';
import { PLATFORM_ISSUER, verifyPlatformToken } from './tokens';
import { VerifiedTokens } from './verified-tokens';

export interface AuthenticatorOptions {
  auth: 'on' | 'off';
  authSigningKey?: string;
  /** Another platform key whose tokens are accepted: the coming or the former one while keys are rotated. */
  authAcceptedKey?: string;
  oidcIssuer?: string;
  oidcAudience?: string;
  oidcRolesClaim?: string;
}

/** Tells who calls, for every door. A token that is presented is verified also where identity is off. */
export class Authenticator {
  readonly key?: PlatformKey;
  private readonly accepted: PlatformKey[];
  private readonly oidc?: OidcVerifier;
  private readonly verified = new VerifiedTokens();

  constructor(private readonly options: AuthenticatorOptions) {
    if (options.authSigningKey) this.key = parsePlatformKey(options.authSigningKey);
    const also = options.authAcceptedKey ? [parsePlatformKey(options.authAcceptedKey, 'AUTH_ACCEPTED_KEY')] : [];
    this.accepted = [...(this.key ? [this.key] : []), ...also];
    if (options.oidcIssuer) {
      this.oidc = new OidcVerifier({
        issuer: options.oidcIssuer,
        audience: options.oidcAudience ?? 'millrace',
        rolesClaim: options.oidcRolesClaim ?? 'millrace_roles',
      });
    }
  }

  /** What `authenticate` would answer where nothing must be checked: no wait for those who call all the time. */
  known(header: string | undefined): Principal | undefined {
    if (header === undefined || header === '') return this.options.auth === 'off' ? LOCAL_ADMIN : undefined;
    return header.startsWith('Bearer ') ? this.verified.find(header.slice(7), Date.now()) : undefined;
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
    const known = this.verified.find(token, Date.now());
    if (known) return known;
    const issuer = issuerOf(token);
    if (issuer === PLATFORM_ISSUER && this.accepted.length > 0) return this.verifyOurs(token);
    if (issuer === this.options.oidcIssuer && this.oidc) return this.oidc.verify(token);
    throw CommonErrors.UNAUTHENTICATED('the token comes from an unknown issuer');
  }

  private async verifyOurs(token: string): Promise<Principal> {
    const principal = await this.verifyByAnyKey(token);
    this.verified.remember(token, principal, expiryMsOf(token));
    return principal;
  }

  /** A refusal in the words of the key that signs now, also when the other key refuses too. */
  private async verifyByAnyKey(token: string): Promise<Principal> {
    const [current, ...others] = this.accepted;
    try {
      return await verifyPlatformToken(current, token);
    } catch (error) {
      for (const key of others) {
        const principal = await verifyPlatformToken(key, token).catch(() => undefined);
        if (principal) return principal;
      }
      throw error;
    }
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

/** When a verified token ends, in milliseconds since 1970. */
function expiryMsOf(token: string): number {
  return (decodeJwt(token).exp ?? 0) * 1000;
}
