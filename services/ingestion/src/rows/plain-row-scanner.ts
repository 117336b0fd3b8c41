// SPDX-License-Identifier: Apache-2.0
import { isUtf8 } from 'node:buffer';
import type { ColumnType } from './check-columns';
import { ROW_ID } from './row-identity';

// Character classes inside a string: 0 goes on, everything else needs a look.
const STOPS_STRING = Uint8Array.from({ length: 256 }, (_, byte) => (byte < 0x20 || byte === 0x22 || byte === 0x5c ? 1 : 0));
const SPACE = Uint8Array.from({ length: 256 }, (_, byte) => (byte === 0x20 || byte === 0x09 || byte === 0x0d ? 1 : 0));
const DIGIT = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x30 && byte <= 0x39 ? 1 : 0));
const SIMPLE_ESCAPE = Uint8Array.from({ length: 256 }, (_, byte) => ('"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0));
const HEX = Uint8Array.from({ length: 256 }, (_, byte) => (/[0-9a-fA-F]/.test(String.fromCharCode(byte)) ? 1 : 0));

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const ROW_ID_BYTES = Buffer.from(ROW_ID);

// Rows beyond these bounds are rare: the careful reader takes them.
const DEPTH_MAX = 16;
const KEYS_MAX = 256;

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

type Kind = ColumnType | 'null';

/**
 * Recognises, in one pass over its bytes, a row that needs no judgement: one JSON object in UTF-8 with no key given twice, no NUL,
 * no row id of its own, little nesting, and the demanded columns in their types. Whatever it does not recognise is not wrong: the
 * careful reader (read-jsonl.ts) decides on it and names what is wrong. Equal results are held by plain-row-scanner.spec.ts.
 */
export class PlainRowScanner {
  private bytes: Buffer = Buffer.alloc(0);
  /** Holds for every line that lies whole in `bytes`: then no line needs a look of its own. */
  private allUtf8 = false;
  private at = 0;
  private end = 0;
  private depth = 0;
  // Keys of all open objects, one above the other.
  private readonly keyStarts = new Int32Array(KEYS_MAX);
  private readonly keyEnds = new Int32Array(KEYS_MAX);
  private readonly keyHashes = new Int32Array(KEYS_MAX);
  private keys = 0;
  private readonly kinds: Kind[] = [];
  private topKeys = 0;
  private readonly columns: { name: Buffer; type: ColumnType }[];
  private readonly columnsComparable: boolean;

  constructor(columns: ReadonlyMap<string, ColumnType>) {
    this.columns = [...columns].map(([name, type]) => ({ name: Buffer.from(name), type }));
    // A name with half a surrogate pair has no UTF-8 form to compare with.
    this.columnsComparable = [...columns.keys()].every((name) => Buffer.from(name).toString() === name);
  }

  /**
   * True when `bytes[start, end)` is such a row, from its opening to its closing brace with nothing around it. A buffer that was
   * asked about must not change while others of its lines are asked about.
   */
  isPlain(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < 3 || bytes[start] !== OPEN_BRACE || bytes[end - 1] !== CLOSE_BRACE || !this.columnsComparable) return false;
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.allUtf8 = isUtf8(wholeCharacters(bytes));
    }
    this.at = start;
    this.end = end;
    this.keys = 0;
    this.topKeys = 0;
    this.depth = 0;
    if (!this.object() || this.at !== end || this.topKeys === 0) return false;
    return (this.allUtf8 || isUtf8(bytes.subarray(start, end))) && this.hasColumns();
  }

  private hasColumns(): boolean {
    return this.columns.every(({ name, type }) => {
      for (let key = 0; key < this.topKeys; key += 1) {
        if (!this.keyIs(key, name)) continue;
        const kind = this.kinds[key];
        return kind === type || (type === 'number' && kind === 'integer');
      }
      return false;
    });
  }

  private keyIs(key: number, name: Buffer): boolean {
    const start = this.keyStarts[key];
    if (this.keyEnds[key] - start !== name.length) return false;
    for (let i = 0; i < name.length; i += 1) if (this.bytes[start + i] !== name[i]) return false;
    return true;
  }

  private skipSpace(): void {
    while (this.at < this.end && SPACE[this.bytes[this.at]] === 1) this.at += 1;
  }

  private object(): boolean {
    const isTop = this.depth === 0;
    if (++this.depth > DEPTH_MAX) return false;
    const firstKey = this.keys;
    this.at += 1;
    this.skipSpace();
    if (this.bytes[this.at] === CLOSE_BRACE) return this.close();
    for (;;) {
      if (!this.key(firstKey)) return false;
      this.skipSpace();
      if (this.bytes[this.at] !== COLON) return false;
      this.at += 1;
      this.skipSpace();
      const key = this.keys - 1;
      const kind = this.value();
      if (kind === undefined) return false;
      if (isTop) this.kinds[key] = kind;
      this.skipSpace();
      const next = this.bytes[this.at];
      if (next === COMMA) {
        this.at += 1;
        this.skipSpace();
      } else if (next === CLOSE_BRACE) {
        if (isTop) this.topKeys = this.keys;
        else this.keys = firstKey;
        return this.close();
      } else return false;
    }
  }

  private array(): boolean {
    if (++this.depth > DEPTH_MAX) return false;
    this.at += 1;
    this.skipSpace();
    if (this.bytes[this.at] === CLOSE_BRACKET) return this.close();
    for (;;) {
      if (this.value() === undefined) return false;
      this.skipSpace();
      const next = this.bytes[this.at];
      this.at += 1;
      if (next === CLOSE_BRACKET) {
        this.depth -= 1;
        return true;
      }
      if (next !== COMMA) return false;
      this.skipSpace();
    }
  }

  private close(): boolean {
    this.at += 1;
    this.depth -= 1;
    return this.at <= this.end;
  }

  /** Reads a key and remembers it; false for one with escapes, one given twice, and the reserved one. */
  private key(firstKey: number): boolean {
    const { bytes } = this;
    if (this.at >= this.end || bytes[this.at] !== QUOTE || this.keys >= KEYS_MAX) return false;
    const start = this.at + 1;
    let at = start;
    let hash = 0;
    while (at < this.end && STOPS_STRING[bytes[at]] === 0) hash = (Math.imul(hash, 31) + bytes[at++]) | 0;
    if (at >= this.end || bytes[at] !== QUOTE) return false;
    for (let other = firstKey; other < this.keys; other += 1) {
      // Keys that look equal are the careful reader's, be they equal or not.
      if (this.keyHashes[other] === hash && this.keyEnds[other] - this.keyStarts[other] === at - start) return false;
    }
    this.keyStarts[this.keys] = start;
    this.keyEnds[this.keys] = at;
    this.keyHashes[this.keys] = hash;
    this.at = at + 1;
    if (this.depth === 1 && this.keyIs(this.keys, ROW_ID_BYTES)) return false;
    this.keys += 1;
    return true;
  }

  private value(): Kind | undefined {
    switch (this.bytes[this.at]) {
      case QUOTE:
        return this.string() ? 'string' : undefined;
      case OPEN_BRACE:
        return this.object() ? 'object' : undefined;
      case OPEN_BRACKET:
        return this.array() ? 'array' : undefined;
      case 0x74:
        return this.word(TRUE) ? 'boolean' : undefined;
      case 0x66:
        return this.word(FALSE) ? 'boolean' : undefined;
      case 0x6e:
        return this.word(NULL) ? 'null' : undefined;
      default:
        return this.number();
    }
  }

  private string(): boolean {
    const { bytes, end } = this;
    let at = this.at + 1;
    for (;;) {
      while (at < end && STOPS_STRING[bytes[at]] === 0) at += 1;
      if (at >= end) return false;
      if (bytes[at] === QUOTE) {
        this.at = at + 1;
        return true;
      }
      const escapeBytes = bytes[at] === 0x5c ? this.escapeAt(at) : 0;
      if (escapeBytes === 0) return false;
      at += escapeBytes;
    }
  }

  /** Length of the escape at a backslash; 0 for a wrong one and for that of NUL. */
  private escapeAt(at: number): number {
    const { bytes } = this;
    if (at + 1 >= this.end) return 0;
    if (SIMPLE_ESCAPE[bytes[at + 1]] === 1) return 2;
    if (bytes[at + 1] !== 0x75 || at + 5 >= this.end) return 0;
    let zeros = 0;
    for (let i = at + 2; i < at + 6; i += 1) {
      if (HEX[bytes[i]] === 0) return 0;
      if (bytes[i] === 0x30) zeros += 1;
    }
    return zeros === 4 ? 0 : 6;
  }

  private word(word: Buffer): boolean {
    for (let i = 0; i < word.length; i += 1) if (this.bytes[this.at + i] !== word[i]) return false;
    this.at += word.length;
    return this.at < this.end;
  }

  /** `integer` for digits only; with a fraction or an exponent it may be one too, which a demanded integer leaves to the careful reader. */
  private number(): Kind | undefined {
    const { bytes } = this;
    if (bytes[this.at] === 0x2d) this.at += 1;
    const first = this.at;
    if (!this.digits() || (bytes[first] === 0x30 && this.at - first > 1)) return undefined;
    let kind: Kind = this.at - first > 300 ? 'number' : 'integer';
    if (bytes[this.at] === 0x2e) {
      this.at += 1;
      if (!this.digits()) return undefined;
      kind = 'number';
    }
    if (bytes[this.at] === 0x65 || bytes[this.at] === 0x45) {
      this.at += 1;
      if (bytes[this.at] === 0x2b || bytes[this.at] === 0x2d) this.at += 1;
      if (!this.digits()) return undefined;
      kind = 'number';
    }
    return kind;
  }

  private digits(): boolean {
    const start = this.at;
    while (this.at < this.end && DIGIT[this.bytes[this.at]] === 1) this.at += 1;
    return this.at > start;
  }
}

/**
 * The bytes without the characters that were cut at their beginning and end. No plain row loses a byte: it begins and ends with a
 * brace, so what is cut off lies before or after it.
 */
function wholeCharacters(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && start < bytes.length && isContinuation(bytes[start])) start += 1;
  let last = bytes.length - 1;
  while (last > start && bytes.length - last < 4 && isContinuation(bytes[last])) last -= 1;
  const lead = bytes[last];
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return bytes.subarray(start, last + length > bytes.length ? Math.max(start, last) : bytes.length);
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
