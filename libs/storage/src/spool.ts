// SPDX-License-Identifier: Apache-2.0
import { createHash, webcrypto } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { BlobSource, StoredBlob } from './blob-store';

/**
 * Writes a source to a new file and forces it to disk while hashing. Memory is one chunk; back-pressure comes from awaiting each
 * write. When the source or the disk fails the file is removed and the error is thrown on.
 */
export async function spool(source: BlobSource, path: string): Promise<StoredBlob> {
  const file = await open(path, 'wx', 0o640);
  let stored: StoredBlob;
  try {
    stored = Buffer.isBuffer(source) ? await writeBuffer(source, file) : await writeStream(source as Pieces, file);
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  await file.close();
  return stored;
}

type Pieces = AsyncIterable<Buffer | string>;

// Below this the way to another thread costs more than the hashing.
const HASHED_ASIDE_BYTES_MIN = 64 * 1024;

/** Hashes beside the writing: a large buffer on a thread of the pool, so that nobody waits for it. */
async function writeBuffer(buffer: Buffer, file: FileHandle): Promise<StoredBlob> {
  const hashing = buffer.length < HASHED_ASIDE_BYTES_MIN ? undefined : webcrypto.subtle.digest('SHA-256', buffer);
  const [digest] = await Promise.all([hashing, writeAll(buffer, file)]);
  const sha256 = digest ? Buffer.from(digest).toString('hex') : createHash('sha256').update(buffer).digest('hex');
  return { sha256, bytes: buffer.length };
}

async function writeStream(pieces: Pieces, file: FileHandle): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of pieces) {
    const buffer = typeof piece === 'string' ? Buffer.from(piece) : piece;
    hash.update(buffer);
    bytes += buffer.length;
    await writeAll(buffer, file);
  }
  return { sha256: hash.digest('hex'), bytes };
}

async function writeAll(buffer: Buffer, file: FileHandle): Promise<void> {
  let written = 0;
  while (written < buffer.length) written += (await file.write(buffer, written)).bytesWritten;
}
