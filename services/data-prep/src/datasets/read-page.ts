// SPDX-License-Identifier: Apache-2.0
import { decodePageToken, encodePageToken, pageSize, readFitting, type KeyKind, type KeysetValue } from '#libs/persistence';
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

/** A page as large as asked for, or smaller where its rows are large. */
export async function readPage<T>(input: PageInput, source: PageSource<T>): Promise<Page<T>> {
  const size = pageSize(input.pageSize);
  const [after] = decodePageToken(input.pageToken, [source.kind], source.filter) ?? [];
  const { items, isLast } = await readFitting(size, { after, read: source.read, keyOf: source.keyOf });
  const last = items.at(-1);
  return { items, nextPageToken: isLast || last === undefined ? '' : encodePageToken([source.keyOf(last)], source.filter) };
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** True for what a uuid column can be compared with. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}
