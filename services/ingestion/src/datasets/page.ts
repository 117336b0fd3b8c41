// SPDX-License-Identifier: Apache-2.0
import { decodePageToken, encodePageToken, pageSize, type KeyKind, type KeysetValue } from '#libs/persistence';

/** A page as callers ask for it. */
export interface PageInput {
  pageSize?: number;
  pageToken?: string;
}

/** A page as callers get it; an empty token means it was the last. */
export interface Page<T> {
  items: T[];
  nextPageToken: string;
}

export interface PageSource<T> {
  /** What else shaped the list: a token of another list is refused. */
  filter: unknown;
  /** Reads `size` items after the key. */
  read: (size: number, after: (string | number)[] | undefined) => Promise<T[]>;
  keyOf: (item: T) => KeysetValue;
  /** What `keyOf` gives. */
  kind: KeyKind;
}

/** Reads one item more than the page holds, so that the last page is known to be the last. */
export async function readPage<T>(input: PageInput, source: PageSource<T>): Promise<Page<T>> {
  const size = pageSize(input.pageSize);
  const after = decodePageToken(input.pageToken, [source.kind], source.filter) as (string | number)[] | undefined;
  const items = await source.read(size + 1, after);
  if (items.length <= size) return { items, nextPageToken: '' };
  const page = items.slice(0, size);
  return { items: page, nextPageToken: encodePageToken([source.keyOf(page[size - 1])], source.filter) };
}
