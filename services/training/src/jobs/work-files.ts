// SPDX-License-Identifier: Apache-2.0
import { createReadStream } from 'node:fs';
import { access, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { BlobStore, fetchModelFolder, type ModelManifest, putModelFolder } from '#libs/storage';

/** What is done with files of attempts, and their way into the blob store and out of it. A port, so that the simulator can be the disk. */
export abstract class WorkFiles {
  abstract makeFolder(path: string): Promise<void>;
  /** False when something is there already; that stays. */
  abstract moveFolder(from: string, to: string): Promise<boolean>;
  /** With all that is in it; nothing happens when it is not there. */
  abstract remove(path: string): Promise<void>;
  abstract exists(path: string): Promise<boolean>;
  /** Undefined when there is no such file. */
  abstract readText(path: string): Promise<string | undefined>;
  abstract writeText(path: string, text: string): Promise<void>;
  /** The same for a file that is not there yet; false when it is, and that stays. */
  abstract createText(path: string, text: string): Promise<boolean>;
  /** At most `bytesMax` bytes from `offset` on; none when there is no such file. */
  abstract readBytes(path: string, offset: number, bytesMax: number): Promise<Buffer>;
  /** Stores a file; gives its digest. */
  abstract storeFile(path: string): Promise<string>;
  abstract storeText(text: string): Promise<string>;
  /** Stores a model folder with a manifest that carries `extra`; gives the digest of the manifest. */
  abstract storeModel(folder: string, extra: Record<string, unknown>): Promise<string>;
  abstract fetchModel(digest: string, folder: string): Promise<ModelManifest>;
}

/** The disk of this host. */
@Injectable()
export class DiskWorkFiles extends WorkFiles {
  constructor(private readonly store: BlobStore) {
    super();
  }

  async makeFolder(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
  }

  moveFolder(from: string, to: string): Promise<boolean> {
    return unlessThere(rename(from, to));
  }

  async remove(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true });
  }

  exists(path: string): Promise<boolean> {
    return access(path).then(
      () => true,
      () => false,
    );
  }

  readText(path: string): Promise<string | undefined> {
    return unlessMissing(readFile(path, 'utf8'));
  }

  async writeText(path: string, text: string): Promise<void> {
    await writeFile(path, text);
  }

  createText(path: string, text: string): Promise<boolean> {
    return unlessThere(writeFile(path, text, { flag: 'wx' }));
  }

  async readBytes(path: string, offset: number, bytesMax: number): Promise<Buffer> {
    const file = await unlessMissing(open(path, 'r'));
    if (!file) return Buffer.alloc(0);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(bytesMax), 0, bytesMax, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async storeFile(path: string): Promise<string> {
    return (await this.store.put(createReadStream(path))).sha256;
  }

  async storeText(text: string): Promise<string> {
    return (await this.store.put(Buffer.from(text))).sha256;
  }

  async storeModel(folder: string, extra: Record<string, unknown>): Promise<string> {
    return (await putModelFolder(this.store, folder, extra)).digest;
  }

  fetchModel(digest: string, folder: string): Promise<ModelManifest> {
    return fetchModelFolder(this.store, digest, folder);
  }
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function unlessThere(making: Promise<void>): Promise<boolean> {
  try {
    await making;
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}
