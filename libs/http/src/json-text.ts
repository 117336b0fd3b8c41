// SPDX-License-Identifier: Apache-2.0
import { isUtf8 } from 'node:buffer';
import { type FieldViolation, invalidFields } from '#libs/errors';

/** Deeper than any request of ours, and far from where recursive code over a parsed body would run out of stack. */
export const JSON_DEPTH_MAX = 200;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Refuses bytes that are not UTF-8 (they would be replaced silently) and JSON that nests deeper than JSON_DEPTH_MAX, before anything
 * is parsed. Throws COMMON.INVALID_ARGUMENT for field `body`.
 */
export function assertJsonText(body: Buffer): void {
  if (!isUtf8(body)) throw invalidFields({ field: 'body', message: 'is not valid UTF-8' });
  if (nestsTooDeep(body)) throw invalidFields({ field: 'body', message: `nests deeper than ${JSON_DEPTH_MAX} levels` });
}

const SUSPICIOUS = /\\u(?:0000|[dD][89a-fA-F])/;

/**
 * The first text of a parsed body that no database and no message can hold as it is: with NUL, or with half of a surrogate pair, which
 * would become another character on its way. Undefined where there is none. `text` is what the body was parsed from.
 */
export function unstorableText(text: string, body: unknown): FieldViolation | undefined {
  return SUSPICIOUS.test(text) ? firstUnstorable(body, '') : undefined;
}

function firstUnstorable(value: unknown, field: string): FieldViolation | undefined {
  if (typeof value === 'string') return faultOf(value, field);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const path = Array.isArray(value) ? `${field}[${name}]` : field === '' ? name : `${field}.${name}`;
    const found = (Array.isArray(value) ? undefined : faultOf(name, field)) ?? firstUnstorable(inner, path);
    if (found) return found;
  }
  return undefined;
}

function faultOf(text: string, field: string): FieldViolation | undefined {
  if (text.includes('\u0000')) return { field: field || 'body', message: 'holds a NUL character' };
  // A lone half is what a pattern with the u flag still sees as a surrogate.
  if (/\p{Surrogate}/u.test(text)) return { field: field || 'body', message: 'holds half of a surrogate pair' };
  return undefined;
}

/** Whether a JSON text nests deeper than JSON_DEPTH_MAX; brackets within strings do not count. Long strings cost a native search. */
export function nestsTooDeep(json: Buffer): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) at = closingQuote(json, at);
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > JSON_DEPTH_MAX) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

// A quote is escaped when an odd number of backslashes stands before it.
function closingQuote(json: Buffer, opening: number): number {
  for (let at = json.indexOf(QUOTE, opening + 1); at !== -1; at = json.indexOf(QUOTE, at + 1)) {
    let slashes = 0;
    while (json[at - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return json.length;
}
