// SPDX-License-Identifier: Apache-2.0
import { jwtVerify, SignJWT } from 'jose';
import { newId } from '#libs/clock';
import { CommonErrors } from '#libs/errors';
import type { PlatformKey } from './platform-key';
import { parseRoles, type Principal, type Role } from './principal';

/** Issuer and audience of platform tokens. */
export const PLATFORM_ISSUER = 'millrace';

export interface TokenRequest {
  subject: string;
  kind?: 'user' | 'service';
  roles: Record<string, Role>;
  expiresInSeconds: number;
}

/** A signed platform token (JWT). */
export async function mintToken(key: PlatformKey, request: TokenRequest): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return new SignJWT({ kind: request.kind ?? 'user', roles: request.roles })
    .setProtectedHeader({ alg: key.algorithm, typ: 'JWT' })
    .setSubject(request.subject)
    .setIssuer(PLATFORM_ISSUER)
    .setAudience(PLATFORM_ISSUER)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + request.expiresInSeconds)
    .setJti(newId())
    .sign(key.sign);
}

/** The principal of a platform token. Throws COMMON.UNAUTHENTICATED; the message never repeats the token. */
export async function verifyPlatformToken(key: PlatformKey, token: string): Promise<Principal> {
  try {
    const { payload } = await jwtVerify(token, key.verify, {
      issuer: PLATFORM_ISSUER,
      audience: PLATFORM_ISSUER,
      algorithms: [key.algorithm],
      requiredClaims: ['sub', 'exp'],
      clockTolerance: 30,
    });
    return { subject: payload.sub!, kind: payload.kind === 'service' ? 'service' : 'user', roles: parseRoles(payload.roles) };
  } catch (error) {
    throw tokenRefused(error);
  }
}

/** jose's reasons in our words. */
export function tokenRefused(error: unknown): Error {
  const { code, name } = error as { code?: string; name?: string };
  if (name === 'AppError') return error as Error;
  const reason =
    code === 'ERR_JWT_EXPIRED'
      ? 'has expired'
      : code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'
        ? 'has a wrong signature'
        : 'is not valid';
  return CommonErrors.UNAUTHENTICATED(`the token ${reason}`, {}, error);
}

const SERVICE_TOKEN_SECONDS = 600;

/** Gives a service a fresh token of its own for calls to other services; made anew before it runs out. */
export class ServiceTokens {
  private cached?: { token: Promise<string>; renewAtMs: number };

  constructor(
    private readonly service: string,
    private readonly key: PlatformKey | undefined,
  ) {}

  /** The token, or undefined where there is no platform key (then identity is off everywhere). */
  async current(): Promise<string | undefined> {
    if (!this.key) return undefined;
    const nowMs = performance.now();
    if (!this.cached || nowMs >= this.cached.renewAtMs) {
      this.cached = { token: serviceToken(this.key, this.service), renewAtMs: nowMs + (SERVICE_TOKEN_SECONDS * 1000) / 2 };
    }
    return this.cached.token;
  }
}

/** A short-lived token with which a service calls others: subject 'service:<name>', admin in every workspace. */
export function serviceToken(key: PlatformKey, service: string): Promise<string> {
  return mintToken(key, {
    subject: `service:${service}`,
    kind: 'service',
    roles: { '*': 'admin' },
    expiresInSeconds: SERVICE_TOKEN_SECONDS,
  });
}
