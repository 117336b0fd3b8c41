// SPDX-License-Identifier: Apache-2.0

/** A line of a byte stream, without its end. */
export interface Line {
  /** From 1. */
  number: number;
  /** The bytes; for a line that is too long only its first bytes. */
  bytes: Buffer;
  tooLong: boolean;
  /** Length of the whole line in bytes. */
  length: number;
}

const LF = 0x0a;
const CR = 0x0d;
const KEPT_OF_TOO_LONG = 1024;

/**
 * Splits a stream at LF or CRLF. Memory is bounded by `lineBytesMax` whatever the stream holds: a longer line is counted
 * and skipped, and only its beginning is kept. A byte order mark at the start is dropped; the last line needs no end.
 */
export async function* splitLines(source: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  let length = 0;

  const take = (): Line => {
    number += 1;
    const tooLong = length > lineBytesMax;
    let bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    if (!tooLong && bytes.length > 0 && bytes[bytes.length - 1] === CR) bytes = bytes.subarray(0, -1);
    const line = { number, bytes, tooLong, length };
    parts = [];
    length = 0;
    return line;
  };
  const keep = (piece: Buffer): void => {
    if (piece.length === 0) return;
    length += piece.length;
    if (length <= lineBytesMax) parts.push(piece);
    // Just past the bound: keep the beginning for the sample and drop the rest.
    else if (parts.length !== 1 || parts[0].length !== KEPT_OF_TOO_LONG) {
      parts = [Buffer.from(Buffer.concat([...parts, piece]).subarray(0, KEPT_OF_TOO_LONG))];
    }
  };

  for await (const chunk of withoutByteOrderMark(source)) {
    let start = 0;
    for (let end = chunk.indexOf(LF, start); end >= 0; end = chunk.indexOf(LF, start)) {
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** The same bytes without a byte order mark at the start, however the stream is cut into pieces. */
async function* withoutByteOrderMark(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of source) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    if (head.length < BYTE_ORDER_MARK.length) continue;
    yield startOf(head);
    head = undefined;
  }
  if (head !== undefined && head.length > 0) yield startOf(head);
}

function startOf(head: Buffer): Buffer {
  return head.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? head.subarray(BYTE_ORDER_MARK.length) : head;
}
