// SPDX-License-Identifier: Apache-2.0

/** Deepest nesting of a row. Deeper rows are refused: every reader of a row may recurse over it. */
export const JSON_DEPTH_MAX = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COLON = 0x3a;

/** An escape of NUL, not a backslash that is itself escaped before the letters "u0000". */
const ESCAPED_NUL = /(?<!\\)(?:\\\\)*\\u0000/;

/** True when a JSON text holds a NUL character, bare or escaped: Postgres and many readers cannot store one. */
export function holdsNul(text: string): boolean {
  return text.includes('\u0000') || (text.includes('\\u0000') && ESCAPED_NUL.test(text));
}

/** What a scan of valid JSON text found beyond its grammar. */
export interface JsonFinding {
  kind: 'duplicate_key' | 'too_deep';
  detail: string;
}

/**
 * Looks for what JSON.parse accepts silently: a key given twice in one object (the last would win and the other be lost)
 * and absurd nesting. The text must be valid JSON. One pass, no copies but the keys.
 */
export function scanJson(text: string): JsonFinding | undefined {
  const keys: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const objectKeys = keys[keys.length - 1];
      if (objectKeys && isKey(text, end)) {
        const raw = text.slice(at, end);
        const key = raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
        if (objectKeys.has(key)) return { kind: 'duplicate_key', detail: `key ${JSON.stringify(key)} is given twice` };
        objectKeys.add(key);
      }
      at = end - 1;
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      keys.push(code === OPEN_BRACE ? new Set() : undefined);
      if (keys.length > JSON_DEPTH_MAX) return { kind: 'too_deep', detail: `nested deeper than ${JSON_DEPTH_MAX} levels` };
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      keys.pop();
    }
  }
  return undefined;
}

/** Index after the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; ; i += 1) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i += 1;
    else if (code === QUOTE) return i + 1;
  }
}

function isKey(text: string, end: number): boolean {
  for (let i = end; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === COLON) return true;
    if (code !== 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return false;
  }
  return false;
}
