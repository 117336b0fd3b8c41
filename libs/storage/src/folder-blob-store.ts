// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { newId } from '#libs/clock';
import { assertDigest, type BlobSource, BlobStore, type StoredBlob } from './blob-store';
import { spool } from './spool';
import { StorageErrors, translateDisk } from './storage.errors';
import { verifyStream } from './verify-stream';

/**
 * Blobs in a folder: <root>/objects/ab/cd/<sha256>. A blob is written under <root>/tmp, forced to disk and renamed into place, so
 * that a name that exists always holds whole bytes; leftovers in tmp come from killed processes and may be removed at any time.
 */
export class FolderBlobStore extends BlobStore {
  private readonly root: string;

  constructor(root: string) {
    super();
    this.root = resolve(root);
  }

  async put(source: BlobSource): Promise<StoredBlob> {
    try {
      const temporary = join(await this.temporaryFolder(), newId());
      const stored = await spool(source, temporary);
      const target = this.pathOf(stored.sha256);
      if (await this.isWhole(target, stored.bytes)) {
        await rm(temporary, { force: true });
        return stored;
      }
      await mkdir(dirname(target), { recursive: true });
      await rename(temporary, target);
      await syncFolder(dirname(target));
      return stored;
    } catch (error) {
      throw translate(error);
    }
  }

  async open(sha256: string): Promise<Readable> {
    await this.size(sha256);
    const file = createReadStream(this.pathOf(sha256), { highWaterMark: 256 * 1024 });
    const verified = verifyStream(sha256);
    // pipeline destroys both sides on any failure; the reader sees it as the error of the verified stream.
    return pipeline(file, verified, (error) => {
      if (error && !verified.destroyed) verified.destroy(error);
    });
  }

  async size(sha256: string): Promise<number> {
    try {
      return (await stat(this.pathOf(sha256))).size;
    } catch (error) {
      throw translate(error, sha256);
    }
  }

  async has(sha256: string): Promise<boolean> {
    try {
      await stat(this.pathOf(sha256));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw translate(error);
    }
  }

  async delete(sha256: string): Promise<void> {
    try {
      await rm(this.pathOf(sha256), { force: true });
    } catch (error) {
      throw translate(error);
    }
  }

  async check(): Promise<void> {
    try {
      const probe = join(await this.temporaryFolder(), `check-${newId()}`);
      await writeFile(probe, 'ok');
      await rm(probe);
    } catch (error) {
      throw translate(error);
    }
  }

  async close(): Promise<void> {
    // Nothing is held open between calls.
  }

  private pathOf(sha256: string): string {
    assertDigest(sha256);
    return join(this.root, 'objects', sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  }

  // A blob whose length is wrong was damaged on disk: the new copy replaces it.
  private async isWhole(path: string, bytes: number): Promise<boolean> {
    try {
      return (await stat(path)).size === bytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  private async temporaryFolder(): Promise<string> {
    const folder = join(this.root, 'tmp');
    await mkdir(folder, { recursive: true });
    return folder;
  }
}

// The rename itself must survive a power cut, which needs the folder's own entry on disk.
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function translate(error: unknown, sha256?: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && code === 'ENOENT' && sha256)
    return StorageErrors.NOT_FOUND(`blob ${sha256} not found`, { sha256 });
  return translateDisk(error, 'the blob folder cannot be used');
}
