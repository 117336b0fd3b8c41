// SPDX-License-Identifier: Apache-2.0
import { RowIdSet } from './row-id-set';

describe('RowIdSet', () => {
  it('knows every id that it was given, and no other', () => {
    const ids = new RowIdSet();
    const idOf = (n: number): string => `${(n * 2654435761).toString(16).padStart(12, '0').slice(-12)}-${n}`;
    for (let n = 0; n < 100_000; n += 1) if (!ids.add(idOf(n))) throw new Error(`${idOf(n)} is new`);
    for (let n = 0; n < 100_000; n += 7) if (ids.add(idOf(n))) throw new Error(`${idOf(n)} is known`);
    expect(ids.size).toBe(100_000);
    expect(ids.add('another')).toBe(true);
    expect(ids.add('another')).toBe(false);
  });

  it('takes at most 16 bytes for an id of 200 characters', () => {
    const ids = new RowIdSet();
    for (let n = 0; n < 200_000; n += 1) ids.add(String(n).padStart(200, 'x'));
    expect(ids.size).toBe(200_000);
    expect(ids.bytes / ids.size).toBeLessThanOrEqual(16);
  });
});
