// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto';
import type { BlobStore } from '#libs/storage';
import { checkColumns, type ColumnType } from '../rows/check-columns';
import { PlainRowScanner } from '../rows/plain-row-scanner';
import { readJsonLine } from '../rows/read-jsonl';
import { RowChunkWriter } from '../rows/row-chunks';
import { RowIdSet } from '../rows/row-id-set';
import { identifyRow, RowIdPrefix } from '../rows/row-identity';
import type { SourceRow } from '../rows/source-row';
import { LineSplitter, type Line } from '../rows/split-lines';

/** What decides where a row goes. */
export interface SortingRules {
  /** Demanded columns. */
  columns: ReadonlyMap<string, ColumnType>;
  /** Rows may carry their ids. */
  keepRowIds: boolean;
  /** Largest row in bytes. */
  rowBytesMax: number;
  /** Size of a stored chunk of rows in bytes. */
  chunkBytes: number;
}

// Between two slices the writers may push back and other requests are served.
const SLICE_BYTES_MAX = 256 * 1024;

/** Sorts the rows of one upload into kept ones and quarantined ones, and stores both. */
export class RowSorter {
  readonly kept: RowChunkWriter;
  readonly quarantined: RowChunkWriter;
  readonly byReason: Record<string, number> = {};
  private readonly keptIds: RowIdSet | undefined;
  private readonly prefix = new RowIdPrefix();

  constructor(
    blobs: BlobStore,
    private readonly rules: SortingRules,
  ) {
    this.keptIds = rules.keepRowIds ? new RowIdSet() : undefined;
    this.kept = new RowChunkWriter(blobs, rules.chunkBytes);
    this.quarantined = new RowChunkWriter(blobs, rules.chunkBytes);
  }

  /** Rows that a reader made. */
  async takeRows(rows: AsyncIterable<SourceRow>): Promise<void> {
    for await (const row of rows) {
      this.take(row);
      await this.drain();
    }
  }

  /**
   * The bytes of JSON lines. A plain row is copied from the source into its chunk without becoming an object or a text; every
   * other line goes through the careful reader. `plain: false` sends all lines there (for comparison).
   */
  async takeJsonl(source: AsyncIterable<Buffer>, { plain = true } = {}): Promise<void> {
    const scanner = plain ? new PlainRowScanner(this.rules.columns) : undefined;
    const lines = new LineSplitter(this.rules.rowBytesMax, (line) => {
      if (!line.tooLong && scanner?.isPlain(line.bytes, line.start, line.end)) this.takePlain(line);
      else this.takeLine(line);
    });
    for await (const piece of source) {
      for (let at = 0; at < piece.length; at += SLICE_BYTES_MAX) {
        lines.push(piece.subarray(at, at + SLICE_BYTES_MAX));
        await this.drain();
      }
    }
    lines.end();
    await this.drain();
  }

  /** Waits for what is being written after the upload has failed. */
  async abandon(): Promise<void> {
    await Promise.all([this.kept.abandon(), this.quarantined.abandon()]);
  }

  private async drain(): Promise<void> {
    await this.kept.drain();
    await this.quarantined.drain();
  }

  private takeLine(line: Line): void {
    const row = readJsonLine(line, this.rules.rowBytesMax);
    if (row) this.take(row);
  }

  private take(source: SourceRow): void {
    const row = source.fault ? source : checkColumns(source, this.rules.columns);
    const identified = row.fault ? row : identifyRow(row, this.kept.rowCount, this.keptIds);
    if ('rowId' in identified) this.kept.add(identified.json);
    else this.quarantine(identified);
  }

  private takePlain({ bytes, start, end }: Line): void {
    const row = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
    this.prefix.set(hash('sha256', row, 'hex'), this.kept.rowCount);
    // What stands before the first key gives way to the prefix: the brace, and the spaces that may follow it.
    let first = 1;
    while (row[first] === 0x20 || row[first] === 0x09 || row[first] === 0x0d) first += 1;
    this.kept.addBytes(this.prefix, first === 1 ? row : row.subarray(first - 1));
  }

  private quarantine(row: SourceRow): void {
    const fault = row.fault as NonNullable<SourceRow['fault']>;
    this.byReason[fault.reason] = (this.byReason[fault.reason] ?? 0) + 1;
    this.quarantined.add(JSON.stringify({ line: row.line, ...fault }));
  }
}
