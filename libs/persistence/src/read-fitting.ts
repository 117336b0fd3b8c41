// SPDX-License-Identifier: Apache-2.0

/** Of the rows of one page as JSON: an answer must fit into memory, and into the 4 MiB that gRPC clients take by default. */
const PAGE_BYTES_MAX = 2 * 1024 * 1024;
/** A row may have megabytes: so many are in memory together whatever their size is. */
const ROWS_AT_ONCE = 16;

export interface KeysetList<T, Key> {
  /** Key of the row before the page; undefined for the first page. */
  after: Key | undefined;
  /** Reads `size` rows after the key. */
  read: (size: number, after: Key | undefined) => Promise<T[]>;
  keyOf: (item: T) => Key;
}

/** Rows of a page: `size` of them, or fewer where more would be too large for an answer; one at least, while there are any. */
export async function readFitting<T, Key>(
  size: number,
  { after, read, keyOf }: KeysetList<T, Key>,
): Promise<{ items: T[]; isLast: boolean }> {
  const items: T[] = [];
  let bytes = 0;
  for (let key = after; ; key = keyOf(items[items.length - 1])) {
    // One row more than the page holds, so that the last page is known to be the last.
    const wanted = Math.min(ROWS_AT_ONCE, size + 1 - items.length);
    const rows = await read(wanted, key);
    for (const row of rows) {
      bytes += Buffer.byteLength(JSON.stringify(row));
      if (items.length === size || (items.length > 0 && bytes > PAGE_BYTES_MAX)) return { items, isLast: false };
      items.push(row);
    }
    if (rows.length < wanted) return { items, isLast: true };
  }
}
