// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, createBlobStore, fetchModelFolder, FolderBlobStore, putModelFolder } from '../src';
import { describeBlobStore } from './blob-store-contract';

const root = mkdtempSync(join(tmpdir(), 'millrace-blobs-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describeBlobStore('FolderBlobStore', () => createBlobStore(`file://${join(root, 'contract')}`));

describe('FolderBlobStore', () => {
  const store = new FolderBlobStore(join(root, 'own'));
  const pathOf = (sha256: string): string => join(root, 'own', 'objects', sha256.slice(0, 2), sha256.slice(2, 4), sha256);

  it('notices bytes that were altered on disk, and heals when they are put again', async () => {
    const { sha256 } = await store.put(Buffer.from('the truth'));
    await writeFile(pathOf(sha256), 'not truth');
    await expect(store.get(sha256, { bytesMax: 100 })).rejects.toMatchObject({ code: 'STORAGE.CORRUPT' });
    await appendFile(pathOf(sha256), ' and more');
    await store.put(Buffer.from('the truth'));
    expect((await store.get(sha256, { bytesMax: 100 })).toString()).toBe('the truth');
  });

  it('leaves no temporary files behind', async () => {
    expect(await readdir(join(root, 'own', 'tmp'))).toEqual([]);
  });

  it('says so when its folder cannot be used', async () => {
    await writeFile(join(root, 'file'), '');
    const unusable = new FolderBlobStore(join(root, 'file', 'below'));
    await expect(unusable.check()).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE', retry: 'later' });
    await expect(unusable.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE' });
  });

  it('carries a model folder as a manifest and back', async () => {
    const model = join(root, 'model');
    await mkdir(join(model, 'extra'), { recursive: true });
    await writeFile(join(model, 'config.json'), '{"layers":2}');
    await writeFile(join(model, 'extra', 'notes.txt'), 'hello');
    const first = await putModelFolder(store, model, { base: 'tiny-base' });
    expect(first).toEqual(await putModelFolder(store, model, { base: 'tiny-base' }));
    expect(first.manifest.files.map((file) => file.path)).toEqual(['config.json', 'extra/notes.txt']);
    const manifest = await fetchModelFolder(store, first.digest, join(root, 'copy'));
    expect(manifest).toMatchObject({ schema: 'millrace.model/v1', base: 'tiny-base' });
    expect(await readFile(join(root, 'copy', 'extra', 'notes.txt'), 'utf8')).toBe('hello');
  });

  it('refuses a model with an altered or missing file, by name, and leaves no folder', async () => {
    const model = join(root, 'model-2');
    await mkdir(model);
    await writeFile(join(model, 'config.json'), '{"layers":3}');
    const { digest, manifest } = await putModelFolder(store, model);
    const { sha256 } = manifest.files[0];
    await writeFile(pathOf(sha256), '{"layers":4}');
    await expect(fetchModelFolder(store, digest, join(root, 'altered'))).rejects.toMatchObject({
      code: 'STORAGE.CORRUPT',
      message: 'file config.json of the model has been altered',
    });
    await store.delete(sha256);
    await expect(fetchModelFolder(store, digest, join(root, 'altered'))).rejects.toThrow(
      'file config.json of the model is missing',
    );
    expect((await readdir(root)).filter((name) => name.startsWith('altered'))).toEqual([]);
  });

  it.each(['../evil', '/etc/passwd', 'a/../../b', 'a\\b', '', 'a//b'])('refuses a manifest with the path %j', async (path) => {
    const { sha256 } = await store.put(Buffer.from('x'));
    const { sha256: digest } = await store.put(
      Buffer.from(canonicalJson({ schema: 'millrace.model/v1', files: [{ path, sha256, bytes: 1 }] })),
    );
    await expect(fetchModelFolder(store, digest, join(root, 'evil'))).rejects.toMatchObject({ code: 'STORAGE.BAD_MANIFEST' });
  });

  it('takes no row of a dataset for a manifest, whatever it says', async () => {
    const { sha256, bytes } = await store.put(Buffer.from('x'.repeat(1000)));
    // A file of that row for each copy of the bytes: a small upload, and a full disk for whoever fetches such a model.
    const files = Array.from({ length: 3 }, (_, index) => ({ path: `copy-${index}`, sha256, bytes }));
    const row = canonicalJson({ _row_id: 'abc-0', schema: 'millrace.model/v1', files });
    const chunk = await store.put(Buffer.from(`${row}\n`));
    await expect(fetchModelFolder(store, chunk.sha256, join(root, 'forged'))).rejects.toMatchObject({
      code: 'STORAGE.BAD_MANIFEST',
    });
  });

  it('refuses a manifest that is something else', async () => {
    const { sha256 } = await store.put(Buffer.from('not json'));
    await expect(fetchModelFolder(store, sha256, join(root, 'x'))).rejects.toMatchObject({ code: 'STORAGE.BAD_MANIFEST' });
    const { sha256: other } = await store.put(Buffer.from('{"schema":"other","files":[]}'));
    await expect(fetchModelFolder(store, other, join(root, 'x'))).rejects.toThrow('millrace.model/v1');
  });
});

describe('createBlobStore', () => {
  it.each(['http://x', 's3://', 's3://UPPER/x', 'file://'])('refuses %s', (url) => {
    expect(() => createBlobStore(url)).toThrow(url);
  });
});
