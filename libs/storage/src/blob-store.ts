// SPDX-License-Identifier: Apache-2.0
import type { Readable } from 'node:stream';
import { StorageErrors } from './storage.errors';

export type BlobSource = Readable | Buffer | AsyncIterable<Buffer>;

export interface StoredBlob {
  /** Lowercase hex sha256 of the bytes: the blob's only name. */
  sha256: string;
  bytes: number;
}

/** Immutable bytes, named by their sha256. Putting the same bytes again is cheap and changes nothing. */
export abstract class BlobStore {
  /** Stores a source of any length with bounded memory. Durable when it resolves; a source that fails leaves nothing. */
  abstract put(source: BlobSource): Promise<StoredBlob>;
  /** The bytes as a stream that ends in STORAGE.CORRUPT when they do not match the digest. Throws STORAGE.NOT_FOUND. */
  abstract open(sha256: string): Promise<Readable>;
  /** Length in bytes. Throws STORAGE.NOT_FOUND. */
  abstract size(sha256: string): Promise<number>;
  abstract has(sha256: string): Promise<boolean>;
  /** Idempotent. */
  abstract delete(sha256: string): Promise<void>;
  /** Throws when the store cannot take writes (for readiness). */
  abstract check(): Promise<void>;
  abstract close(): Promise<void>;

  /** The verified bytes of a blob of at most `bytesMax`. Throws STORAGE.TOO_LARGE before reading more. */
  async get(sha256: string, options: { bytesMax: number }): Promise<Buffer> {
    const stream = await this.open(sha256);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > options.bytesMax) {
        stream.destroy();
        throw StorageErrors.TOO_LARGE(`blob ${sha256} is larger than ${options.bytesMax} bytes`, {
          sha256,
          bytesMax: options.bytesMax,
        });
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}

/** Refuses anything but 64 hex digits, so that a digest can never be a path. */
export function assertDigest(sha256: string): void {
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw StorageErrors.INVALID_DIGEST(`${JSON.stringify(String(sha256).slice(0, 100))} is not a sha256 in lowercase hex`);
  }
}
