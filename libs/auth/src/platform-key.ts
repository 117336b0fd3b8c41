// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/** The key of the platform's own tokens. */
export interface PlatformKey {
  algorithm: 'HS256' | 'EdDSA';
  sign: KeyObject;
  verify: KeyObject;
}

/** Reads AUTH_SIGNING_KEY (or what `variable` names): an Ed25519 private key as JWK, or a secret of at least 32 bytes for HS256. */
export function parsePlatformKey(text: string, variable = 'AUTH_SIGNING_KEY'): PlatformKey {
  if (text.trimStart().startsWith('{')) {
    const jwk = parseJwk(text, variable);
    if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || !jwk.d)
      throw new TypeError(`${variable}: the JWK is not an Ed25519 private key`);
    const sign = createPrivateKey({ key: jwk, format: 'jwk' });
    return { algorithm: 'EdDSA', sign, verify: createPublicKey(sign) };
  }
  const secret = Buffer.from(text, 'utf8');
  if (secret.length < 32) throw new TypeError(`${variable}: a secret needs at least 32 bytes`);
  const key = createSecretKey(secret);
  return { algorithm: 'HS256', sign: key, verify: key };
}

function parseJwk(text: string, variable: string): JsonWebKey {
  try {
    return JSON.parse(text) as JsonWebKey;
  } catch {
    // The parser's message would quote the key.
    throw new TypeError(`${variable}: the JWK is not JSON`);
  }
}
