// SPDX-License-Identifier: Apache-2.0
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, posix, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { newId } from '#libs/clock';
import { hasCode } from '#libs/errors';
import type { BlobStore } from './blob-store';
import { canonicalJson } from './canonical-json';
import { StorageErrors } from './storage.errors';

export const MODEL_MANIFEST_SCHEMA = 'millrace.model/v1';

export interface ManifestFile {
  /** Relative, with forward slashes. */
  path: string;
  sha256: string;
  bytes: number;
}

/** What a model consists of. The sha256 of its canonical JSON is the model's digest. */
export interface ModelManifest {
  schema: typeof MODEL_MANIFEST_SCHEMA;
  files: ManifestFile[];
  [extra: string]: unknown;
}

const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;

/** Stores every file of a folder and a manifest of them; the digest it gives is the sha256 of the manifest. */
export async function putModelFolder(
  store: BlobStore,
  folder: string,
  extra: Record<string, unknown> = {},
): Promise<{ digest: string; manifest: ModelManifest }> {
  const files: ManifestFile[] = [];
  for (const path of await listFiles(folder)) {
    const { sha256, bytes } = await store.put(createReadStream(join(folder, path)));
    files.push({ path: path.split(sep).join('/'), sha256, bytes });
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest: ModelManifest = { ...extra, schema: MODEL_MANIFEST_SCHEMA, files };
  const { sha256 } = await store.put(Buffer.from(canonicalJson(manifest)));
  return { digest: sha256, manifest };
}

/** Reads and checks a manifest. Throws STORAGE.NOT_FOUND, STORAGE.CORRUPT or STORAGE.BAD_MANIFEST. */
export async function readModelManifest(store: BlobStore, digest: string): Promise<ModelManifest> {
  const text = (await store.get(digest, { bytesMax: MANIFEST_BYTES_MAX })).toString('utf8');
  // Rows of datasets lie in the same store, and one of them can read like a manifest. Each ends with a line feed; a manifest has none.
  if (text.includes('\n')) throw StorageErrors.BAD_MANIFEST(`${digest} is not a manifest`, { digest });
  let manifest: ModelManifest;
  try {
    manifest = JSON.parse(text) as ModelManifest;
  } catch (error) {
    throw StorageErrors.BAD_MANIFEST(`manifest ${digest} is not JSON`, { digest }, error);
  }
  if (manifest?.schema !== MODEL_MANIFEST_SCHEMA || !Array.isArray(manifest.files)) {
    throw StorageErrors.BAD_MANIFEST(`manifest ${digest} is not of schema ${MODEL_MANIFEST_SCHEMA}`, { digest, field: 'schema' });
  }
  for (const [index, file] of manifest.files.entries()) assertSafePath(file?.path, `files[${index}].path`);
  return manifest;
}

/**
 * Fetches a model into `folder` (made anew; it appears whole or not at all). Every file is verified; an altered one is refused
 * with its path in the message.
 */
export async function fetchModelFolder(store: BlobStore, digest: string, folder: string): Promise<ModelManifest> {
  const manifest = await readModelManifest(store, digest);
  const temporary = `${folder}.${newId()}.partial`;
  try {
    for (const file of manifest.files) {
      const target = join(temporary, ...file.path.split('/'));
      await mkdir(dirname(target), { recursive: true });
      await fetchFile(store, file, target);
    }
    await mkdir(temporary, { recursive: true });
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  return manifest;
}

async function fetchFile(store: BlobStore, file: ManifestFile, target: string): Promise<void> {
  try {
    await pipeline(await store.open(file.sha256), createWriteStream(target, { flags: 'wx' }));
  } catch (error) {
    if (hasCode(error, 'STORAGE.CORRUPT')) {
      throw StorageErrors.CORRUPT(
        `file ${file.path} of the model has been altered`,
        { path: file.path, sha256: file.sha256 },
        error,
      );
    }
    if (hasCode(error, 'STORAGE.NOT_FOUND')) {
      throw StorageErrors.NOT_FOUND(`file ${file.path} of the model is missing`, { path: file.path, sha256: file.sha256 }, error);
    }
    throw error;
  }
}

function assertSafePath(path: unknown, field: string): void {
  const safe =
    typeof path === 'string' &&
    path !== '' &&
    !path.includes('\\') &&
    !path.includes('\0') &&
    !posix.isAbsolute(path) &&
    posix.normalize(path) === path &&
    !path.split('/').includes('..');
  if (!safe) throw StorageErrors.BAD_MANIFEST(`${field}: ${JSON.stringify(path)} is not a path inside of the model`, { field });
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
