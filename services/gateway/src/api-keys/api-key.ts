// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';

/** An application's key, without its secret. */
export interface ApiKey {
  workspace: string;
  id: string;
  name: string;
  /** First characters of the secret, to recognise it by. */
  prefix: string;
  createdBy: string;
  createTime: Date;
  revokeTime: Date | undefined;
}

export const API_KEY_PREFIX = 'sk-mr-';

/** 192 random bits. */
export function newSecret(): string {
  return API_KEY_PREFIX + randomBytes(24).toString('base64url');
}

/** What is stored: a plain sha256 is enough for a secret that nobody chose. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

export function visiblePrefix(secret: string): string {
  return secret.slice(0, API_KEY_PREFIX.length + 4);
}
