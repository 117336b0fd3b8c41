// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { invalidFields } from '#libs/errors';

/** Values of the last row's sort key; Dates travel as ISO strings. */
export type KeysetValue = string | number | boolean | null;

/** What a key is compared with in SQL; a token may hold nothing else, whoever made it. */
export type KeyKind = 'text' | 'integer' | 'number' | 'time' | 'uuid';

const VERSION = 2;

const TIME = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:\d\d)?)$/;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

const IS_KIND: Record<KeyKind, (key: unknown) => boolean> = {
  text: (key) => typeof key === 'string' && !/\p{Surrogate}/u.test(key) && !key.includes('\0'),
  // Drivers give bigint as text.
  integer: (key) => Number.isSafeInteger(key) || (typeof key === 'string' && /^-?\d{1,19}$/.test(key) && isBigint(key)),
  number: (key) => typeof key === 'number',
  time: (key) => typeof key === 'string' && TIME.test(key) && !Number.isNaN(Date.parse(key.slice(0, 10))),
  uuid: (key) => typeof key === 'string' && UUID.test(key),
};

/** Within what a bigint of Postgres holds. */
function isBigint(digits: string): boolean {
  return BigInt.asIntN(64, BigInt(digits)) === BigInt(digits);
}

/**
 * An opaque token for "the rows after these keys". `filter` is whatever else shaped the list, its name and workspace included: a
 * token is refused with another filter, because its position would mean nothing there.
 */
export function encodePageToken(keys: readonly (KeysetValue | Date)[], filter?: unknown): string {
  const plain = keys.map((key) => (key instanceof Date ? key.toISOString() : key));
  return Buffer.from(JSON.stringify([VERSION, digest(filter), digest(plain), ...plain])).toString('base64url');
}

/** The keys of a token, or undefined for the first page (empty token). Throws COMMON.INVALID_ARGUMENT naming page_token. */
export function decodePageToken(
  token: string | undefined,
  kinds: readonly KeyKind[],
  filter?: unknown,
): KeysetValue[] | undefined {
  if (token === undefined || token === '') return undefined;
  const [version, filterDigest, keysDigest, ...keys] = parse(token);
  // The digest finds what was changed by accident or by hand; anybody can make one, so it does not replace the check of the kinds.
  const isWhole = version === VERSION && keysDigest === digest(keys) && keys.length === kinds.length;
  if (!isWhole || !kinds.every((kind, index) => IS_KIND[kind](keys[index]))) throw refused('is not a token of this list');
  if (filterDigest !== digest(filter)) throw refused('belongs to another list, or to one with other filters');
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

function refused(message: string): Error {
  return invalidFields({ field: 'page_token', message });
}

function digest(filter: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(filter ?? null))
    .digest('base64url')
    .slice(0, 12);
}
