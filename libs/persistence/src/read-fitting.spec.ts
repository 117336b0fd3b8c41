// SPDX-License-Identifier: Apache-2.0
import { readFitting } from './read-fitting';

const MIB = 1024 * 1024;

/** Reads pages of rows with such sizes to the end; gives how many rows each has, and how many rows were asked for. */
async function pagesOf(sizes: number[], size: number) {
  const rows = sizes.map((bytes, key) => ({ key, text: 'x'.repeat(bytes) }));
  const asked: number[] = [];
  const read = (count: number, after = -1) => {
    asked.push(count);
    return Promise.resolve(rows.slice(after + 1, after + 1 + count));
  };
  const pages: number[] = [];
  const seen: number[] = [];
  for (let after: number | undefined; ;) {
    const { items, isLast } = await readFitting(size, { after, read, keyOf: (row) => row.key });
    pages.push(items.length);
    seen.push(...items.map((row) => row.key));
    if (isLast) break;
    after = seen.at(-1);
  }
  expect(seen).toEqual(rows.map((row) => row.key));
  return { pages, asked };
}

describe('readFitting', () => {
  it.each([
    { rows: 0, pages: [0] },
    { rows: 49, pages: [49] },
    { rows: 50, pages: [50] },
    { rows: 51, pages: [50, 1] },
    { rows: 100, pages: [50, 50] },
  ])('reads as many small rows as asked for: $rows', async ({ rows, pages }) => {
    expect((await pagesOf(Array<number>(rows).fill(10), 50)).pages).toEqual(pages);
  });

  it('cuts a page of large rows, reading few of them at a time', async () => {
    const { pages, asked } = await pagesOf(Array<number>(30).fill(0.4 * MIB), 1000);
    expect(pages).toEqual([4, 4, 4, 4, 4, 4, 4, 2]);
    expect(Math.max(...asked)).toBe(16);
  });

  it('gives a row that is larger than a page a page of its own', async () => {
    expect((await pagesOf([10, 3 * MIB, 10, 3 * MIB], 1000)).pages).toEqual([1, 1, 1, 1]);
  });
});
