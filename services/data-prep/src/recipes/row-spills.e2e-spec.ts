// SPDX-License-Identifier: Apache-2.0
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecipeRow } from './recipe-rows';
import { FileSpill } from './row-spills';

describe('FileSpill', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'spill-'))));
  afterAll(() => rm(folder, { recursive: true }));

  it('gives back what was written, more than once, with positions and odd characters, and leaves no file', async () => {
    const spill = new FileSpill(join(folder, 'rows'));
    const rows: RecipeRow[] = Array.from({ length: 2_500 }, (_, i) => ({
      id: `r${i}`,
      ordinal: i * 2,
      data: { text: `a\u2028b\r\t${i}`, n: i },
    }));
    await spill.write(rows.slice(0, 2_000));
    await spill.write(rows.slice(2_000));
    for (let pass = 0; pass < 2; pass++) {
      const read: RecipeRow[] = [];
      for await (const batch of spill.read()) read.push(...batch);
      expect(read).toEqual(rows);
    }
    await spill.dispose();
    await expect(access(join(folder, 'rows'))).rejects.toThrow('ENOENT');
  });

  it('says that the disk refused, instead of losing rows', async () => {
    const spill = new FileSpill(join(folder, 'no', 'such', 'folder'));
    await spill.write([{ id: 'r', ordinal: 0, data: {} }]);
    await expect(async () => {
      for await (const batch of spill.read()) expect(batch).toBeUndefined();
    }).rejects.toThrow('ENOENT');
    await spill.dispose();
  });
});
