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

/** Texts of one page, UTF-8: an answer must fit into memory, and into the 4 MiB that gRPC clients take by default. */
export const PAGE_TEXT_BYTES_MAX = 2 * 1024 * 1024;

/** A list of rows with long texts says how many UTF-8 bytes they have; its `read` gives the first two rows and those whose predecessors fit. */
interface PagedList<T> {
  name: string;
  read: (after: string | undefined, size: number) => Promise<T[]>;
  keyOf: (item: T) => string;
  textBytesOf?: (item: T) => number;
}

/**
 * One page of a list that is ordered by one text key: reads a row more than asked to know whether there is a next page. The token
 * belongs to the list `name` and to `filter` (workspace included): it is refused with others.
 */
export async function readPage<T>(
  query: { pageSize?: number; pageToken?: string },
  filter: unknown,
  list: PagedList<T>,
): Promise<Page<T>> {
  const size = pageSize(query.pageSize);
  const [after] = decodePageToken(query.pageToken, ['text'], [list.name, filter]) ?? [];
  const read = await list.read(after === undefined ? undefined : String(after), size + 1);
  const items = read.slice(0, Math.min(size, fitting(read, list.textBytesOf)));
  const last = items.at(-1);
  if (items.length === read.length || last === undefined) return { items, nextPageToken: '' };
  return { items, nextPageToken: encodePageToken([list.keyOf(last)], [list.name, filter]) };
}

/** How many of the rows make a page: one at least. */
function fitting<T>(rows: readonly T[], textBytesOf: ((item: T) => number) | undefined): number {
  if (!textBytesOf) return rows.length;
  let bytes = 0;
  const over = rows.findIndex((row) => (bytes += textBytesOf(row)) > PAGE_TEXT_BYTES_MAX);
  return over < 0 ? rows.length : Math.max(1, over);
}
