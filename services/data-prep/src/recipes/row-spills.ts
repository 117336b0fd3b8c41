// SPDX-License-Identifier: Apache-2.0
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { inBatches, linesOf } from './json-lines';
import { formatRow, parseRow, type RecipeRow } from './recipe-rows';

/** Rows put aside between two passes. Written once, then read once or more, then disposed of. */
export interface RowSpill {
  write(rows: RecipeRow[]): Promise<void>;
  read(): AsyncIterable<RecipeRow[]>;
  dispose(): Promise<void>;
}

const BATCH_ROWS = 1_000;

/** For previews and specs: the rows stay in memory. */
export class MemorySpill implements RowSpill {
  private readonly batches: RecipeRow[][] = [];

  async write(rows: RecipeRow[]): Promise<void> {
    if (rows.length > 0) this.batches.push(rows);
  }

  async *read(): AsyncIterable<RecipeRow[]> {
    yield* this.batches;
  }

  async dispose(): Promise<void> {
    this.batches.length = 0;
  }
}

/** JSON lines in a file. The row's position in the input travels with it, because rows before it may be gone. */
export class FileSpill implements RowSpill {
  private stream: WriteStream | undefined;
  /** A write that failed while nobody waited (a full disk): thrown at the next call. */
  private failure: Error | undefined;

  constructor(private readonly path: string) {}

  async write(rows: RecipeRow[]): Promise<void> {
    this.stream ??= this.open();
    if (this.failure) throw this.failure;
    let lines = '';
    for (const row of rows) lines += `${row.ordinal}\t${formatRow(row)}\n`;
    if (lines && !this.stream.write(lines)) await once(this.stream, 'drain');
  }

  private open(): WriteStream {
    const stream = createWriteStream(this.path, { highWaterMark: 1 << 20, mode: 0o600 });
    stream.on('error', (error) => (this.failure = error));
    return stream;
  }

  async *read(): AsyncIterable<RecipeRow[]> {
    if (this.failure) throw this.failure;
    if (!this.stream) return;
    if (!this.stream.writableEnded) {
      this.stream.end();
      await finished(this.stream);
    }
    for await (const lines of inBatches(linesOf(createReadStream(this.path)), BATCH_ROWS)) {
      yield lines.map((line) => {
        const tab = line.indexOf('\t');
        return parseRow(line.slice(tab + 1), Number(line.slice(0, tab)));
      });
    }
  }

  async dispose(): Promise<void> {
    this.stream?.destroy();
    await rm(this.path, { force: true });
  }
}
