// SPDX-License-Identifier: Apache-2.0

/** kafkajs' reader: here of exactly one record, without its length. */
interface Decoder {
  buffer: Buffer;
}

/** What kafkajs knows of the batch around a record. */
export interface BatchContext {
  firstOffset: string;
  firstTimestamp: string;
  magicByte?: number;
  isControlBatch?: boolean;
  timestampType?: number;
  maxTimestamp?: string;
}

export interface DecodedRecord {
  magicByte: number | undefined;
  attributes: number;
  timestamp: string;
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | null | (Buffer | null)[]>;
  isControlRecord: boolean;
  batchContext: BatchContext;
}

const MODULE = 'kafkajs/src/protocol/recordBatch/record/v0/decoder';
const LOG_APPEND_TIME = 1;

/**
 * kafkajs 2.2.4 decodes a record with an object per header, copied for the next one, and three long-integer objects: most of the
 * processor time of reading small events. This reads it once, to the same result. Must be called before the first fetch; kafkajs loads
 * its own decoder then.
 */
export function decodeRecordsOnce(): void {
  const path = require.resolve(MODULE);
  if (require.cache[path] === undefined) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    require(MODULE);
  }
  const loaded = require.cache[path];
  if (loaded) loaded.exports = decodeRecord;
}

/** A record of the format of Kafka (magic 2). Throws a RangeError when it ends before what its lengths announce. */
export function decodeRecord({ buffer }: Decoder, context: BatchContext): DecodedRecord {
  const reader = new Reader(buffer);
  const attributes = buffer.readInt8(0);
  reader.at = 1;
  const timestampDelta = reader.varint();
  const offsetDelta = reader.varint();
  const key = reader.bytes();
  const value = reader.bytes();
  const headers: DecodedRecord['headers'] = {};
  for (let left = reader.varint(); left > 0; left -= 1) {
    const name = reader.text();
    const content = reader.bytes();
    if (!Object.hasOwn(headers, name)) define(headers, name, content);
    else headers[name] = [headers[name], content].flat();
  }
  const { magicByte, isControlBatch = false, timestampType, maxTimestamp, firstOffset, firstTimestamp } = context;
  return {
    magicByte,
    attributes,
    timestamp: timestampType === LOG_APPEND_TIME && maxTimestamp ? maxTimestamp : sum(firstTimestamp, timestampDelta),
    offset: sum(firstOffset, offsetDelta),
    key,
    value,
    headers,
    isControlRecord: isControlBatch,
    batchContext: context,
  };
}

/** A header may be named as what every object has: it must not become the object's prototype. */
function define(headers: DecodedRecord['headers'], name: string, content: Buffer | null): void {
  if (name === '__proto__') Object.defineProperty(headers, name, { value: content, enumerable: true, writable: true });
  else headers[name] = content;
}

/** Offsets and times fit a double for the next quarter of a million years; what does not is added as Kafka's 64 bits. */
function sum(first: string, delta: number): string {
  const total = Number(first) + delta;
  return Number.isSafeInteger(total) ? String(total) : (BigInt(first) + BigInt(delta)).toString();
}

class Reader {
  at = 0;

  constructor(private readonly buffer: Buffer) {}

  /** Zigzag, 7 bits a byte. Arithmetic beyond 28 bits: a difference of times may have more than 32. */
  varint(): number {
    const { buffer } = this;
    let byte = buffer[this.at++];
    let raw = byte & 0x7f;
    for (let shift = 7; byte >= 128; shift += 7) {
      if (shift > 63) throw new RangeError('a number of a record has more than 9 bytes');
      byte = buffer[this.at++];
      raw += (byte & 0x7f) * 2 ** shift;
    }
    // An undefined byte is beyond the end.
    if (byte === undefined) throw new RangeError('a record ends in the middle of a number');
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.skip(length);
    return this.buffer.subarray(start, this.at);
  }

  text(): string {
    const start = this.skip(this.varint());
    return this.buffer.toString('utf8', start, this.at);
  }

  private skip(length: number): number {
    const start = this.at;
    this.at += length;
    if (this.at > this.buffer.length) throw new RangeError('a record ends before its lengths say');
    return start;
  }
}
