// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { BlobStore } from '../src';

/** What every blob store must do; run by the folder's and by S3's spec. */
export function describeBlobStore(name: string, makeStore: () => BlobStore): void {
  describe(`${name} as a blob store`, () => {
    let store: BlobStore;
    beforeAll(() => {
      store = makeStore();
    });
    afterAll(() => store.close());

    it('gives back what was put, under its sha256', async () => {
      const body = Buffer.from(`hello ${Math.random()}`);
      const stored = await store.put(body);
      expect(stored).toEqual({ sha256: createHash('sha256').update(body).digest('hex'), bytes: body.length });
      expect(await store.get(stored.sha256, { bytesMax: 100 })).toEqual(body);
      expect(await store.has(stored.sha256)).toBe(true);
      expect(await store.size(stored.sha256)).toBe(body.length);
    });

    it('takes streams longer than a part, and empty ones', async () => {
      const chunk = randomBytes(1024 * 1024);
      const stored = await store.put(
        Readable.from(
          (function* () {
            for (let i = 0; i < 18; i += 1) yield chunk;
          })(),
        ),
      );
      expect(stored.bytes).toBe(18 * 1024 * 1024);
      const hash = createHash('sha256');
      for await (const part of (await store.open(stored.sha256)) as AsyncIterable<Buffer>) hash.update(part);
      expect(hash.digest('hex')).toBe(stored.sha256);
      const empty = await store.put(Readable.from([]));
      expect(empty).toEqual({ sha256: createHash('sha256').digest('hex'), bytes: 0 });
      expect(await store.get(empty.sha256, { bytesMax: 0 })).toHaveLength(0);
    });

    it('stores the same bytes once, also when many put them at the same time', async () => {
      const body = randomBytes(1000);
      const stored = await Promise.all(Array.from({ length: 8 }, () => store.put(body)));
      expect(new Set(stored.map((blob) => blob.sha256)).size).toBe(1);
      expect(await store.get(stored[0].sha256, { bytesMax: 1000 })).toEqual(body);
    });

    it('keeps nothing of a source that breaks off', async () => {
      const half = randomBytes(500);
      const broken = Readable.from(
        (function* () {
          yield half;
          throw new Error('client went away');
        })(),
      );
      await expect(store.put(broken)).rejects.toThrow('client went away');
      expect(await store.has(createHash('sha256').update(half).digest('hex'))).toBe(false);
    });

    it('says what is missing, too large or no digest', async () => {
      const missing = 'ab'.repeat(32);
      await expect(store.open(missing)).rejects.toMatchObject({ code: 'STORAGE.NOT_FOUND' });
      await expect(store.size(missing)).rejects.toMatchObject({ code: 'STORAGE.NOT_FOUND' });
      expect(await store.has(missing)).toBe(false);
      const { sha256 } = await store.put(randomBytes(2000));
      await expect(store.get(sha256, { bytesMax: 1999 })).rejects.toMatchObject({ code: 'STORAGE.TOO_LARGE' });
      for (const bad of ['../../etc/passwd', `${'a'.repeat(63)}/`, 'A'.repeat(64), '']) {
        await expect(store.open(bad)).rejects.toMatchObject({ code: 'STORAGE.INVALID_DIGEST' });
        await expect(store.delete(bad)).rejects.toMatchObject({ code: 'STORAGE.INVALID_DIGEST' });
      }
    });

    it('deletes, twice without complaint, and passes its own check', async () => {
      const { sha256 } = await store.put(randomBytes(10));
      await store.delete(sha256);
      await store.delete(sha256);
      expect(await store.has(sha256)).toBe(false);
      await expect(store.check()).resolves.toBeUndefined();
    });
  });
}
