// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { BlobSource, StoredBlob } from './blob-store';

/**
 * Writes a source to a new file and forces it to disk while hashing. Memory is one chunk; back-pressure comes from awaiting each
 * write. When the source or the disk fails the file is removed and the error is thrown on.
 */
export async function spool(source: BlobSource, path: string): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(path, 'wx', 0o640);
  try {
    for await (const chunk of Buffer.isBuffer(source) ? [source] : (source as AsyncIterable<Buffer | string>)) {
      const buffer = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      hash.update(buffer);
      bytes += buffer.length;
      let written = 0;
      while (written < buffer.length) written += (await file.write(buffer, written)).bytesWritten;
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  await file.close();
  return { sha256: hash.digest('hex'), bytes };
}
