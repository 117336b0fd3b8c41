// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profileColumns } from './columns.duckdb';
import { distributionOf, NumberList } from './distributions';
import { KeyInventory } from './key-inventory';

describe('profileColumns', () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'columns-'))));
  afterAll(() => rm(folder, { recursive: true }));

  async function columnsOf(rows: Record<string, unknown>[], rawLines: string[] = []) {
    const inventory = new KeyInventory();
    rows.forEach((row) => inventory.add(row));
    const path = join(folder, `rows-${Math.random()}`);
    await writeFile(path, [...rows.map((row) => JSON.stringify(row)), ...rawLines].join('\n') + '\n');
    const columns = await profileColumns(path, inventory.finish().keys, {
      memoryMegabytes: 256,
      threads: 1,
      temporaryFolder: folder,
    });
    return Object.fromEntries(columns.map((column) => [column.name, column]));
  }

  it('sees a key that first appears after row 20,480 and a type that changes late', async () => {
    const rows = Array.from({ length: 21_000 }, (_, i) => ({ n: i, ...(i > 20_900 ? { late: i, mixed: 'x' } : { mixed: 1 }) }));
    const columns = await columnsOf(rows);
    expect(columns.late).toMatchObject({ kind: 'number', distinct: 99, numbers: { count: 99, min: 20_901, max: 20_999 } });
    expect(columns.mixed).toMatchObject({
      kind: 'mixed',
      distinct: 2,
      top: [
        { value: '1', count: 20_901 },
        { value: 'x', count: 99 },
      ],
    });
    expect(columns.n.distinct).toBe(21_000);
  });

  it('gives the same numbers as our own exact distribution', async () => {
    const values = Array.from({ length: 500 }, (_, i) => Math.round(Math.sin(i) * 1000) / 10);
    const list = new NumberList();
    values.forEach((value) => list.push(value));
    const own = distributionOf(list);
    const { x } = await columnsOf(values.map((value) => ({ x: value })));
    expect(x.numbers?.quantiles.p50).toBeCloseTo(own?.quantiles.p50 as number, 9);
    expect(x.numbers?.standardDeviation).toBeCloseTo(own?.standardDeviation as number, 9);
    expect(x.numbers?.histogram).toEqual(own?.histogram);
  });

  it('describes a column by its other numbers when some are so large that their squares are none', async () => {
    const { x, y } = await columnsOf([
      { x: 1, y: 1.7e308 },
      { x: 3, y: -1.7e308 },
      { x: 1e200, y: 1e200 },
    ]);
    expect(x).toMatchObject({ kind: 'number', distinct: 3, numbers: { count: 2, min: 1, max: 3, standardDeviation: 1 } });
    expect(y).toMatchObject({ kind: 'number', distinct: 3 });
    expect(y.numbers).toBeUndefined();
  });

  it('takes names with quotes, slashes, case differences and hostile SQL as names', async () => {
    const name = `a'b"/c~d'); DROP TABLE lines; --`;
    const columns = await columnsOf([
      { [name]: 'v', Text: 1, text: 2 },
      { [name]: 'v', Text: 3, text: 2 },
    ]);
    expect(columns[name]).toMatchObject({ distinct: 1, top: [{ value: 'v', count: 2 }] });
    expect(columns.Text.distinct).toBe(2);
    expect(columns.text.distinct).toBe(1);
  });

  it('keeps large integers apart and masks personal data in frequent values', async () => {
    const columns = await columnsOf(
      [{ mail: 'ada@example.org', big: 1 }],
      ['{"big":9007199254740993}', '{"big":9007199254740992}'],
    );
    expect(columns.big.distinct).toBe(3);
    expect(columns.big.top.map((entry) => entry.value)).toContain('9007199254740993');
    expect(columns.mail.top[0].value).toBe('a***@e***.org');
  });

  it('ends the query that runs when it is aborted, and says why', async () => {
    const inventory = new KeyInventory();
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    const row = (n: number) => Object.fromEntries(keys.map((key) => [key, `${key} ${n}`]));
    inventory.add(row(0));
    const path = join(folder, 'long');
    await writeFile(path, Array.from({ length: 100_000 }, (_, n) => `${JSON.stringify(row(n))}\n`).join(''));
    const abort = new AbortController();
    const options = { memoryMegabytes: 256, threads: 1, temporaryFolder: folder, signal: abort.signal };
    const columns = profileColumns(path, inventory.finish().keys, options);
    setTimeout(() => abort.abort(new Error('took too long')), 100);
    await expect(columns).rejects.toThrow('took too long');
    await expect(profileColumns(path, inventory.finish().keys, options)).rejects.toThrow('took too long');
  }, 60_000);
});
