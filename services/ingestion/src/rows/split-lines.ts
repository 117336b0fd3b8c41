// SPDX-License-Identifier: Apache-2.0

/** A line of a byte stream, without its end. One object is used for all lines: it is valid during the call only. */
export interface Line {
  /** From 1. */
  number: number;
  /** `bytes[start, end)` is the line; for a line that is too long only its first bytes. */
  bytes: Buffer;
  start: number;
  end: number;
  tooLong: boolean;
  /** Length of the whole line in bytes, with its CR. */
  length: number;
}

const LF = 0x0a;
const CR = 0x0d;
const KEPT_OF_TOO_LONG = 1024;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Splits a stream at LF or CRLF. Memory is bounded by `lineBytesMax` whatever the stream holds: a longer line is counted
 * and skipped, and only its beginning is kept. A byte order mark at the start is dropped; the last line needs no end.
 * A line that lies whole in one piece is not copied.
 */
export class LineSplitter {
  private readonly line: Line = { number: 0, bytes: Buffer.alloc(0), start: 0, end: 0, tooLong: false, length: 0 };
  /** The beginning of a line whose end has not come yet. */
  private parts: Buffer[] = [];
  private partsLength = 0;
  /** The first bytes until it is known whether they are a byte order mark. */
  private head?: Buffer = Buffer.alloc(0);

  constructor(
    private readonly lineBytesMax: number,
    private readonly onLine: (line: Line) => void,
  ) {}

  push(piece: Buffer): void {
    if (this.head === undefined) return this.split(piece);
    this.head = this.head.length === 0 ? piece : Buffer.concat([this.head, piece]);
    if (this.head.length >= BYTE_ORDER_MARK.length) this.splitHead(this.head);
  }

  /** The stream is over: gives the last line if it had no end. */
  end(): void {
    if (this.head !== undefined) this.splitHead(this.head);
    if (this.partsLength > 0) this.giveParts();
  }

  private splitHead(head: Buffer): void {
    this.head = undefined;
    const marked = head.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    this.split(marked ? head.subarray(BYTE_ORDER_MARK.length) : head);
  }

  private split(piece: Buffer): void {
    let start = 0;
    for (let end = piece.indexOf(LF, start); end >= 0; end = piece.indexOf(LF, start)) {
      if (this.partsLength > 0 || end - start > this.lineBytesMax) {
        this.keep(piece.subarray(start, end));
        this.giveParts();
      } else {
        this.give(piece, start, end, end - start);
      }
      start = end + 1;
    }
    this.keep(piece.subarray(start));
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    this.partsLength += part.length;
    if (this.partsLength <= this.lineBytesMax) this.parts.push(part);
    // Just past the bound: keep the beginning for the sample and drop the rest.
    else if (this.parts.length !== 1 || this.parts[0].length !== KEPT_OF_TOO_LONG) {
      this.parts = [Buffer.from(Buffer.concat([...this.parts, part]).subarray(0, KEPT_OF_TOO_LONG))];
    }
  }

  private giveParts(): void {
    const bytes = this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts);
    const length = this.partsLength;
    this.parts = [];
    this.partsLength = 0;
    this.give(bytes, 0, bytes.length, length);
  }

  private give(bytes: Buffer, start: number, end: number, length: number): void {
    const { line } = this;
    line.number += 1;
    line.bytes = bytes;
    line.start = start;
    line.tooLong = length > this.lineBytesMax;
    line.end = end > start && !line.tooLong && bytes[end - 1] === CR ? end - 1 : end;
    line.length = length;
    this.onLine(line);
  }
}
