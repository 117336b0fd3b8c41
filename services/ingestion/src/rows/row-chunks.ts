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

const LF = 0x0a;

/** What was written in all. */
export interface ChunkedRows {
  chunks: RowChunk[];
  rows: number;
  bytes: number;
  /** sha256 (hex) over all lines in order, each with its LF: equal rows in equal order give an equal digest. */
  digest: string;
}

const BLOCK_BYTES_FIRST = 64 * 1024;
/** Blocks being written while the next one fills. More would only cost memory. */
const BLOCKS_WAITING_MAX = 1;

/**
 * Collects JSON lines into blobs of about `chunkBytes`: a blob ends with the line that reaches that size. Blobs are written
 * beside the filling of the next one; `drain` is the back-pressure and must be awaited between the pieces of a source.
 * Blobs of an upload that is never committed stay unreferenced in the store: they are content-addressed, so a repeated
 * upload writes the same ones.
 */
export class RowChunkWriter {
  private readonly chunks: RowChunk[] = [];
  private readonly hash: Hash = createHash('sha256');
  private readonly spare: Buffer[] = [];
  private block?: Buffer;
  private used = 0;
  private blockRows = 0;
  private rows = 0;
  private bytes = 0;
  private waiting = 0;
  private writing: Promise<void> = Promise.resolve();
  private failure?: { error: unknown };

  constructor(
    private readonly blobs: BlobStore,
    private readonly chunkBytes: number,
  ) {}

  get rowCount(): number {
    return this.rows;
  }

  add(line: string): void {
    const block = this.room(Buffer.byteLength(line) + 1);
    this.lineEnds(block, this.used + block.write(line, this.used, 'utf8'));
  }

  /** Adds a line made of the first bytes of `prefix` and then all of `rest` but its first byte, without making a text of them. */
  addBytes(prefix: { readonly bytes: Buffer; readonly length: number }, rest: Uint8Array): void {
    const block = this.room(prefix.length + rest.length);
    const at = this.used;
    block.set(rest, at + prefix.length - 1);
    for (let i = 0; i < prefix.length; i += 1) block[at + i] = prefix.bytes[i];
    this.lineEnds(block, at + prefix.length + rest.length - 1);
  }

  /** Waits until only few blocks are waiting for the store. Throws what the store threw. */
  async drain(): Promise<void> {
    if (this.waiting > BLOCKS_WAITING_MAX) await this.writing;
    if (this.failure) throw this.failure.error;
  }

  async end(): Promise<ChunkedRows> {
    this.seal();
    await this.writing;
    if (this.failure) throw this.failure.error;
    return { chunks: this.chunks, rows: this.rows, bytes: this.bytes, digest: this.hash.digest('hex') };
  }

  /** Waits for the writes that have begun, whatever becomes of them: the upload has failed already. */
  async abandon(): Promise<void> {
    await this.writing;
  }

  private lineEnds(block: Buffer, at: number): void {
    block[at] = LF;
    this.bytes += at + 1 - this.used;
    this.used = at + 1;
    this.rows += 1;
    this.blockRows += 1;
    if (this.used >= this.chunkBytes) this.seal();
  }

  /** The block, with at least that many bytes free. It starts small: most uploads have nothing to quarantine. */
  private room(bytes: number): Buffer {
    this.block ??= this.spare.pop() ?? Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES_FIRST, this.chunkBytes));
    if (this.block.length - this.used >= bytes) return this.block;
    const doubled = Math.min(this.block.length * 2, this.chunkBytes + BLOCK_BYTES_FIRST);
    const larger = Buffer.allocUnsafeSlow(Math.max(this.used + bytes, doubled));
    this.block.copy(larger, 0, 0, this.used);
    this.block = larger;
    return larger;
  }

  private seal(): void {
    const { block } = this;
    if (!block || this.blockRows === 0) return;
    const lines = block.subarray(0, this.used);
    const [rows, firstOrdinal] = [this.blockRows, this.rows - this.blockRows];
    this.hash.update(lines);
    this.block = undefined;
    this.used = 0;
    this.blockRows = 0;
    this.waiting += 1;
    this.writing = this.writing.then(async () => {
      try {
        if (!this.failure) this.chunks.push({ ...(await this.blobs.put(lines)), firstOrdinal, rows });
      } catch (error) {
        this.failure = { error }; // thrown on by drain or end
      } finally {
        this.waiting -= 1;
        this.spare.push(block);
      }
    });
  }
}

/** Reads lines from `fromOrdinal` on, a chunk at a time. `chunks` are in order and cover the wanted lines. */
export async function* readChunkedLines(
  blobs: BlobStore,
  chunks: readonly RowChunk[],
  fromOrdinal: number,
): AsyncGenerator<string> {
  for (const chunk of chunks) {
    if (chunk.firstOrdinal + chunk.rows <= fromOrdinal) continue;
    const text = (await blobs.get(chunk.sha256, { bytesMax: chunk.bytes })).toString('utf8');
    yield* text
      .slice(0, -1)
      .split('\n')
      .slice(Math.max(0, fromOrdinal - chunk.firstOrdinal));
  }
}
