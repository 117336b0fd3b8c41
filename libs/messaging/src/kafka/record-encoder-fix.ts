// SPDX-License-Identifier: Apache-2.0

/** What kafkajs encodes: one message of a batch. */
export interface RecordFields {
  offsetDelta?: number;
  /** Milliseconds after the first message of the batch. */
  timestampDelta?: number;
  key?: Buffer | string | null;
  value?: Buffer | string | null;
  headers?: Record<string, Buffer | string | (Buffer | string)[]>;
}

/** What of an encoder its caller looks at. */
interface Encoded {
  buf: Buffer;
  buffer: Buffer;
}

type Encode = (fields: RecordFields) => Encoded;

const MODULE = 'kafkajs/src/protocol/recordBatch/record/v0';

/**
 * kafkajs 2.2.4 encodes each header of each message with two encoders of 512 zeroed bytes and a buffer for every number: most of the
 * processor time of sending small events. This writes a message once, into a buffer of its size, byte for byte the same. Must be
 * called before the first message is sent; kafkajs loads its own encoder then.
 */
export function encodeRecordsOnce(): void {
  const path = require.resolve(MODULE);
  const own: NodeJS.Module | undefined = require.cache[path];
  if (own === undefined) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    require(MODULE);
  }
  const loaded = require.cache[path];
  if (loaded) loaded.exports = encodeRecord satisfies Encode;
}

/** A message as the record format of Kafka (magic 2) has it: length, attributes, deltas, key, value, headers. */
export function encodeRecord({ offsetDelta = 0, timestampDelta = 0, key, value, headers = {} }: RecordFields): Encoded {
  const pairs: [string, Buffer | string][] = [];
  for (const name of Object.keys(headers)) {
    const content = headers[name];
    if (Array.isArray(content)) for (const each of content) pairs.push([name, each]);
    else pairs.push([name, content]);
  }
  let size = 1 + sizeOfVarint(timestampDelta) + sizeOfVarint(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value);
  size += sizeOfVarint(pairs.length);
  for (const [name, content] of pairs) size += sizeOfBytes(name) + sizeOfBytes(content);
  const buf = Buffer.allocUnsafe(sizeOfVarint(size) + size);
  let at = writeVarint(buf, size, 0);
  buf[at++] = 0; // attributes: none are in use
  at = writeVarint(buf, timestampDelta, at);
  at = writeVarint(buf, offsetDelta, at);
  at = writeBytes(buf, key, at);
  at = writeBytes(buf, value, at);
  at = writeVarint(buf, pairs.length, at);
  for (const [name, content] of pairs) at = writeBytes(buf, content, writeBytes(buf, name, at));
  return { buf, buffer: buf };
}

function sizeOfBytes(bytes: Buffer | string | null | undefined): number {
  if (bytes === null || bytes === undefined) return 1; // the length -1
  const length = lengthOf(bytes);
  return sizeOfVarint(length) + length;
}

function lengthOf(bytes: Buffer | string): number {
  return typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;
}

function writeBytes(buf: Buffer, bytes: Buffer | string | null | undefined, at: number): number {
  if (bytes === null || bytes === undefined) return writeVarint(buf, -1, at);
  const start = writeVarint(buf, lengthOf(bytes), at);
  return start + (typeof bytes === 'string' ? buf.write(bytes, start) : bytes.copy(buf, start));
}

// Zigzag, then 7 bits a byte. Arithmetic instead of bit operations: a difference of times may have more than 32 bits.
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

function writeVarint(buf: Buffer, value: number, start: number): number {
  let at = start;
  let rest = zigzag(value);
  while (rest >= 128) {
    buf[at++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  buf[at++] = rest;
  return at;
}
