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
  let first = true;

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

  for await (const chunk of source) {
    let start = first && chunk.length >= 3 && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? 3 : 0;
    first = false;
    for (let end = chunk.indexOf(LF, start); end >= 0; end = chunk.indexOf(LF, start)) {
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}
