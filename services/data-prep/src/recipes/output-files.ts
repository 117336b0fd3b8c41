// SPDX-License-Identifier: Apache-2.0
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { formatRow, type RecipeRow } from './recipe-rows';

interface OutputFile {
  path: string;
  stream: WriteStream;
  hash: Hash;
  rows: number;
  failure?: Error;
}

/** JSON lines of each output of a run, in files until the whole recipe went through: a refused run writes no version. */
export class OutputFiles {
  private readonly files = new Map<string, OutputFile>();

  constructor(private readonly folder: string) {}

  async write(split: string, rows: RecipeRow[]): Promise<void> {
    const file = this.open(split);
    if (file.failure) throw file.failure;
    const bytes = Buffer.from(rows.map((row) => `${formatRow(row)}\n`).join(''));
    file.hash.update(bytes);
    file.rows += rows.length;
    if (!file.stream.write(bytes)) await once(file.stream, 'drain');
  }

  /** Ends the files and gives each with its sha256, in the order of their names. */
  async finish(): Promise<{ split: string; rows: number; sha256: string; read: () => AsyncIterable<Buffer> }[]> {
    const outputs = [];
    for (const [split, file] of [...this.files].sort(([x], [y]) => (x < y ? -1 : 1))) {
      file.stream.end();
      await finished(file.stream);
      outputs.push({
        split,
        rows: file.rows,
        sha256: file.hash.digest('hex'),
        read: () => createReadStream(file.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>,
      });
    }
    return outputs;
  }

  close(): void {
    for (const { stream } of this.files.values()) stream.destroy();
  }

  private open(split: string): OutputFile {
    const known = this.files.get(split);
    if (known) return known;
    const path = join(this.folder, `output-${this.files.size}.jsonl`);
    const file: OutputFile = { path, stream: createWriteStream(path, { mode: 0o600 }), hash: createHash('sha256'), rows: 0 };
    file.stream.on('error', (error) => (file.failure = error));
    this.files.set(split, file);
    return file;
  }
}
