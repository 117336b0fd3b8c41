// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { createBlobStore } from '../src';

describe('temporary files of the S3 store', () => {
  afterEach(() => jest.restoreAllMocks());

  it('may be impossible for a while, or cleaned away: the next blob is taken again', async () => {
    const root = await mkdtemp(join(os.tmpdir(), 's3-spool-'));
    const folder = join(root, 'tmp');
    jest.spyOn(os, 'tmpdir').mockReturnValue(folder);
    // Nobody listens there: a blob that could be spooled gets as far as the server.
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const store = createBlobStore('s3://bucket', { s3Endpoint: 'http://127.0.0.1:1', s3Credentials: credentials });
    const put = () => store.put(Buffer.from('x'));
    await expect(put()).rejects.toMatchObject({ code: 'STORAGE.UNAVAILABLE', details: { reason: 'ENOENT' } });
    await mkdir(folder);
    const serverIsAway = { code: 'STORAGE.UNAVAILABLE', message: 'the S3 store does not answer' };
    await expect(put()).rejects.toMatchObject(serverIsAway);
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
    await expect(put()).rejects.toMatchObject(serverIsAway);
    expect(await readdir(folder)).toEqual([]);
    await store.close();
    await rm(root, { recursive: true });
  }, 60_000);
});
