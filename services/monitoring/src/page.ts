// SPDX-License-Identifier: Apache-2.0
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { decodePageToken, encodePageToken, pageSize } from '#libs/persistence';

/** Paging fields that every list query has. */
export class PageQuery {
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;
}

export interface Page<T> {
  items: T[];
  nextPageToken: string;
}

/**
 * One page of a list that is ordered by one text key: reads a row more than asked to know whether there is a next page. The token
 * belongs to the list `name` and to `filter` (workspace included): it is refused with others.
 */
export async function readPage<T>(
  query: { pageSize?: number; pageToken?: string },
  filter: unknown,
  list: { name: string; read: (after: string | undefined, size: number) => Promise<T[]>; keyOf: (item: T) => string },
): Promise<Page<T>> {
  const size = pageSize(query.pageSize);
  const [after] = decodePageToken(query.pageToken, ['text'], [list.name, filter]) ?? [];
  const items = await list.read(after === undefined ? undefined : String(after), size + 1);
  const last = items[size - 1];
  if (items.length <= size || last === undefined) return { items, nextPageToken: '' };
  return { items: items.slice(0, size), nextPageToken: encodePageToken([list.keyOf(last)], [list.name, filter]) };
}
