// SPDX-License-Identifier: Apache-2.0
import { decodePageToken, encodePageToken, pageSize, readFitting, type KeyKind } from '#libs/persistence';

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
  keyOf: (item: T) => string | number;
  /** What `keyOf` gives. */
  kind: KeyKind;
}

/** A page as large as asked for, or smaller where its rows are large. */
export async function readPage<T>(input: PageInput, source: PageSource<T>): Promise<Page<T>> {
  const size = pageSize(input.pageSize);
  const after = decodePageToken(input.pageToken, [source.kind], source.filter) as (string | number)[] | undefined;
  const keysOf = (item: T): (string | number)[] => [source.keyOf(item)];
  const { items, isLast } = await readFitting(size, { after, read: source.read, keyOf: keysOf });
  const last = items.at(-1);
  return { items, nextPageToken: isLast || last === undefined ? '' : encodePageToken(keysOf(last), source.filter) };
}
