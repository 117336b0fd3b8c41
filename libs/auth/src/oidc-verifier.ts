// SPDX-License-Identifier: Apache-2.0
import { createRemoteJWKSet, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { CommonErrors } from '#libs/errors';
import { parseRoles, type Principal } from './principal';
import { tokenRefused } from './tokens';

export interface OidcOptions {
  issuer: string;
  audience: string;
  /** Claim with the roles by workspace, as an object. */
  rolesClaim: string;
}

/** Verifies tokens of an OpenID Connect issuer by its published keys. */
export class OidcVerifier {
  private keys?: Promise<JWTVerifyGetKey>;

  constructor(private readonly options: OidcOptions) {}

  async verify(token: string): Promise<Principal> {
    const keys = await this.loadKeys();
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: this.options.issuer,
        audience: this.options.audience,
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        requiredClaims: ['sub', 'exp'],
        clockTolerance: 30,
      });
      const email = payload.email_verified === true && typeof payload.email === 'string' ? payload.email : undefined;
      return { subject: email ?? payload.sub!, kind: 'user', roles: parseRoles(payload[this.options.rolesClaim]) };
    } catch (error) {
      throw tokenRefused(error);
    }
  }

  private loadKeys(): Promise<JWTVerifyGetKey> {
    this.keys ??= this.discover().catch((error: unknown) => {
      this.keys = undefined;
      throw CommonErrors.UNAVAILABLE('the OpenID Connect issuer does not answer', { issuer: this.options.issuer }, error);
    });
    return this.keys;
  }

  private async discover(): Promise<JWTVerifyGetKey> {
    const base = this.options.issuer.replace(/\/+$/, '');
    const response = await fetch(`${base}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(5000),
      redirect: 'error',
    });
    if (!response.ok) throw new Error(`discovery answered ${response.status}`);
    const document = (await response.json()) as { issuer?: string; jwks_uri?: string };
    if (document.issuer !== this.options.issuer || !document.jwks_uri)
      throw new Error('discovery names another issuer or no keys');
    return createRemoteJWKSet(new URL(document.jwks_uri), { timeoutDuration: 5000, cooldownDuration: 10_000 });
  }
}
