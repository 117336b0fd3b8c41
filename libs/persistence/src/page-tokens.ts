// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { invalidFields } from '#libs/errors';

/** Values of the last row's sort key; Dates travel as ISO strings. */
export type KeysetValue = string | number | boolean | null;

const VERSION = 1;

/**
 * An opaque token for "the rows after these keys". `filter` is whatever else shaped the list: a token is refused with
 * another filter, because its position would mean nothing there.
 */
export function encodePageToken(keys: readonly (KeysetValue | Date)[], filter?: unknown): string {
  const plain = keys.map((key) => (key instanceof Date ? key.toISOString() : key));
  return Buffer.from(JSON.stringify([VERSION, digest(filter), ...plain])).toString('base64url');
}

/** The keys of a token, or undefined for the first page (empty token). Throws COMMON.INVALID_ARGUMENT naming page_token. */
export function decodePageToken(token: string | undefined, length: number, filter?: unknown): KeysetValue[] | undefined {
  if (token === undefined || token === '') return undefined;
  const [version, filterDigest, ...keys] = parse(token);
  if (version !== VERSION || keys.length !== length || !keys.every(isKeysetValue)) throw refused('is not a token of this list');
  if (filterDigest !== digest(filter)) throw refused('belongs to a list with other filters');
  return keys as KeysetValue[];
}

/** Page size asked for, bounded: 0 or nothing gives the default, more than `max` gives `max`. */
export function pageSize(
  requested: number | undefined,
  bounds: { default: number; max: number } = { default: 50, max: 1000 },
): number {
  if (requested === undefined || requested === 0) return bounds.default;
  if (!Number.isInteger(requested) || requested < 0) {
    throw invalidFields({ field: 'page_size', message: 'must be a whole number, 0 or more' });
  }
  return Math.min(requested, bounds.max);
}

function parse(token: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw refused('is not a token of this list');
}

function isKeysetValue(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function refused(message: string): Error {
  return invalidFields({ field: 'page_token', message });
}

function digest(filter: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(filter ?? null))
    .digest('base64url')
    .slice(0, 12);
}
