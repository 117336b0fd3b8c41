// SPDX-License-Identifier: Apache-2.0
import { ReadPace } from './read-pace';

const MIB = 1024 * 1024;

/** The largest read when rows of these sizes wait, and how many reads they take. */
function readAll(sizes: number[], rowsMax = 500): { bytesMost: number; reads: number } {
  const pace = new ReadPace(rowsMax);
  let [bytesMost, reads] = [0, 0];
  for (let from = 0; from < sizes.length; reads += 1) {
    const read = sizes.slice(from, from + pace.next);
    bytesMost = Math.max(
      bytesMost,
      read.reduce((sum, size) => sum + size, 0),
    );
    from += read.length;
    pace.saw(read);
  }
  return { bytesMost, reads };
}

describe('how much is read at once', () => {
  it.each([200, 20_000, 130_000, 900_000])('stays below 30 MB when rows of %i bytes wait after an outage', (size) => {
    expect(readAll(new Array<number>(3_000).fill(size)).bytesMost).toBeLessThan(30e6);
  });

  it('reads small rows by the hundred', () => {
    expect(readAll(new Array<number>(10_000).fill(300)).reads).toBeLessThan(25);
  });

  it('reads large rows that come among small ones in one large read only', () => {
    const pace = new ReadPace(500);
    for (let n = 0; n < 5; n += 1) pace.saw([300]);
    expect(pace.next).toBe(500);
    pace.saw(new Array<number>(500).fill(130_000));
    expect(pace.next * 130_000).toBeLessThanOrEqual(8 * MIB);
    for (let n = 0; n < 5; n += 1) pace.saw([]);
    expect(pace.next).toBe(64);
  });

  it('reads one row at least, and no more than asked', () => {
    const pace = new ReadPace(10);
    expect(pace.next).toBe(10);
    pace.saw([100 * MIB]);
    expect(pace.next).toBe(1);
    pace.saw([0]);
    pace.saw([0]);
    expect(pace.next).toBe(10);
  });
});
