// SPDX-License-Identifier: Apache-2.0
import { createHash, type Hash } from 'node:crypto';
import type { BlobStore } from '#libs/storage';

/** One blob of JSON lines. */
export interface RowChunk {
  sha256: string;
  /** Position of its first row, from 0. */
  firstOrdinal: number;
  rows: number;
  bytes: number;
}

/** What was written in all. */
export interface ChunkedRows {
  chunks: RowChunk[];
  rows: number;
  bytes: number;
  /** sha256 (hex) over all lines in order, each with its LF: equal rows in equal order give an equal digest. */
  digest: string;
}

/**
 * Collects JSON lines into blobs of about `chunkBytes`. Memory holds one chunk. Blobs of an upload that is never committed
 * stay unreferenced in the store: they are content-addressed, so a repeated upload writes the same ones.
 */
export class RowChunkWriter {
  private readonly chunks: RowChunk[] = [];
  private readonly hash: Hash = createHash('sha256');
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private pendingRows = 0;
  private rows = 0;
  private bytes = 0;

  constructor(
    private readonly blobs: BlobStore,
    private readonly chunkBytes: number,
  ) {}

  get rowCount(): number {
    return this.rows;
  }

  async add(line: string): Promise<void> {
    const bytes = Buffer.from(`${line}\n`);
    this.hash.update(bytes);
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    this.pendingRows += 1;
    this.rows += 1;
    this.bytes += bytes.length;
    if (this.pendingBytes >= this.chunkBytes) await this.flush();
  }

  async end(): Promise<ChunkedRows> {
    await this.flush();
    return { chunks: this.chunks, rows: this.rows, bytes: this.bytes, digest: this.hash.digest('hex') };
  }

  private async flush(): Promise<void> {
    if (this.pendingRows === 0) return;
    const { sha256, bytes } = await this.blobs.put(Buffer.concat(this.pending));
    this.chunks.push({ sha256, firstOrdinal: this.rows - this.pendingRows, rows: this.pendingRows, bytes });
    this.pending = [];
    this.pendingBytes = 0;
    this.pendingRows = 0;
  }
}

/** Reads lines from `fromOrdinal` on, at most `limit`. `chunks` are in order and cover the wanted lines. */
export async function readChunkedLines(
  blobs: BlobStore,
  chunks: readonly RowChunk[],
  { fromOrdinal, limit }: { fromOrdinal: number; limit: number },
): Promise<string[]> {
  const lines: string[] = [];
  for (const chunk of chunks) {
    if (lines.length >= limit) break;
    if (chunk.firstOrdinal + chunk.rows <= fromOrdinal) continue;
    const text = (await blobs.get(chunk.sha256, { bytesMax: chunk.bytes })).toString('utf8');
    const skip = Math.max(0, fromOrdinal - chunk.firstOrdinal);
    lines.push(
      ...text
        .slice(0, -1)
        .split('\n')
        .slice(skip, skip + limit - lines.length),
    );
  }
  return lines;
}
