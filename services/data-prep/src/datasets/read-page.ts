// SPDX-License-Identifier: Apache-2.0
import { decodePageToken, encodePageToken, pageSize, type KeyKind, type KeysetValue } from '#libs/persistence';
import type { Page, PageInput } from './caller';

export interface PageSource<T> {
  /** What else shaped the list: a token of another list is refused. */
  filter: unknown;
  /** Reads `size` items after the key. */
  read: (size: number, after: KeysetValue | undefined) => Promise<T[]>;
  keyOf: (item: T) => KeysetValue;
  /** What `keyOf` gives. */
  kind: KeyKind;
}

/** Reads one item more than the page holds, so that the last page is known to be the last. */
export async function readPage<T>(input: PageInput, source: PageSource<T>): Promise<Page<T>> {
  const size = pageSize(input.pageSize);
  const after = decodePageToken(input.pageToken, [source.kind], source.filter);
  const items = await source.read(size + 1, after?.[0]);
  if (items.length <= size) return { items, nextPageToken: '' };
  const page = items.slice(0, size);
  return { items: page, nextPageToken: encodePageToken([source.keyOf(page[size - 1])], source.filter) };
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** True for what a uuid column can be compared with. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
