// SPDX-License-Identifier: Apache-2.0
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { decodePageToken, encodePageToken, pageSize, readFitting } from '#libs/persistence';

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
 * One page of a list that is ordered by one text key; ends earlier where its rows would be too large for an answer. The token belongs
 * to the list `name` and to `filter` (workspace included): it is refused with others.
 */
export async function readPage<T>(
  query: { pageSize?: number; pageToken?: string },
  filter: unknown,
  list: { name: string; read: (after: string | undefined, size: number) => Promise<T[]>; keyOf: (item: T) => string },
): Promise<Page<T>> {
  const [key] = decodePageToken(query.pageToken, ['text'], [list.name, filter]) ?? [];
  const { items, isLast } = await readFitting(pageSize(query.pageSize), {
    after: key === undefined ? undefined : String(key),
    read: (size, after) => list.read(after, size),
    keyOf: list.keyOf,
  });
  const last = items.at(-1);
  if (isLast || last === undefined) return { items, nextPageToken: '' };
  return { items, nextPageToken: encodePageToken([list.keyOf(last)], [list.name, filter]) };
}
