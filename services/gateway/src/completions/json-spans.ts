// SPDX-License-Identifier: Apache-2.0

/** A field of the outermost object of a JSON text: its name and where its value lies, in bytes, end exclusive. */
export interface FieldSpan {
  name: string;
  start: number;
  end: number;
}

/** Where the fields of the outermost object are, and where its closing brace is. */
export interface ObjectSpans {
  fields: FieldSpan[];
  close: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Finds the fields of the outermost object, so that one value can be replaced without parsing and writing the rest again (a
 * 64 KB prompt costs 140-200 us to re-serialise). `json` must be a valid JSON object already: this does not check it. Long
 * strings are skipped by the native search for the next quote.
 */
export function objectSpans(json: Buffer): ObjectSpans {
  const fields: FieldSpan[] = [];
  let at = skipSpace(json, 0) + 1;
  for (;;) {
    at = skipSpace(json, at);
    if (json[at] === CLOSE_BRACE || at >= json.length) return { fields, close: at };
    if (json[at] === COMMA) {
      at += 1;
      continue;
    }
    const nameEnd = stringEnd(json, at);
    const name = JSON.parse(json.toString('utf8', at, nameEnd)) as string;
    at = skipSpace(json, nameEnd);
    const start = skipSpace(json, json[at] === COLON ? at + 1 : at);
    const end = valueEnd(json, start);
    fields.push({ name, start, end });
    at = end;
  }
}

/** One change to a JSON text: replace [start, end) by `text`. */
export interface Patch {
  start: number;
  end: number;
  text: string;
}

/** The text with the patches applied; patches must not overlap. Everything else keeps its bytes. */
export function patchJson(json: Buffer, patches: Patch[]): Buffer {
  if (patches.length === 0) return json;
  const parts: Buffer[] = [];
  let at = 0;
  for (const patch of [...patches].sort((a, b) => a.start - b.start)) {
    parts.push(json.subarray(at, patch.start), Buffer.from(patch.text));
    at = patch.end;
  }
  parts.push(json.subarray(at));
  return Buffer.concat(parts);
}

/** End (exclusive) of the value that starts at `start`. */
export function valueEnd(json: Buffer, start: number): number {
  const first = json[start];
  if (first === QUOTE) return stringEnd(json, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return containerEnd(json, start);
  let at = start;
  while (at < json.length && !endsScalar(json[at])) at += 1;
  return at;
}

function containerEnd(json: Buffer, start: number): number {
  let depth = 0;
  let at = start;
  while (at < json.length) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = stringEnd(json, at);
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return json.length;
}

// A quote is escaped when an odd number of backslashes stands before it.
function stringEnd(json: Buffer, start: number): number {
  let at = start;
  for (;;) {
    at = json.indexOf(QUOTE, at + 1);
    if (at === -1) return json.length;
    let slashes = 0;
    while (json[at - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
}

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at += 1;
  return at;
}

function endsScalar(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= 0x20;
}
