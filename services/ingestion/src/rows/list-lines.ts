// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database, decodePageToken, encodePageToken, pageSize } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import type { Caller } from '../datasets/caller';
import { DatasetsRepository, type ChunkPart } from '../datasets/datasets.repository';
import { GetDatasetVersion } from '../datasets/get-dataset-version';
import type { Page, PageInput } from '../datasets/page';
import { readChunkedLines } from './row-chunks';

/** A row may have a megabyte and a page a thousand rows: one answer must fit into memory, and into the 4 MiB that gRPC clients take by default. */
const PAGE_BYTES_MAX = 2 * 1024 * 1024;

/** A stored line and its position. */
export interface StoredLine {
  ordinal: number;
  json: string;
}

/** Reads kept rows or quarantined rows of a version by cursor. Reads only the chunks that hold the page. */
@Injectable()
export class ListLines {
  constructor(
    private readonly db: Database,
    private readonly datasets: DatasetsRepository,
    private readonly blobs: BlobStore,
    private readonly getVersion: GetDatasetVersion,
  ) {}

  async execute(
    caller: Caller,
    reference: string,
    { part, ...page }: PageInput & { part: ChunkPart },
  ): Promise<Page<StoredLine>> {
    const version = await this.getVersion.readable(caller, reference);
    const filter = [part, version.id];
    const after = decodePageToken(page.pageToken, ['integer'], filter);
    const from = after ? Math.max(0, Number(after[0]) + 1) : 0;
    const items = await this.read(caller.workspace, version.id, { part, from, size: pageSize(page.pageSize) });
    const total = part === 'rows' ? version.rowsKept : version.rowsQuarantined;
    const isLast = items.length === 0 || from + items.length >= total;
    return { items, nextPageToken: isLast ? '' : encodePageToken([from + items.length - 1], filter) };
  }

  /** At least one line, and no more than the page has room for. */
  private async read(
    workspace: string,
    versionId: string,
    range: { part: ChunkPart; from: number; size: number },
  ): Promise<StoredLine[]> {
    const { part, from, size } = range;
    const chunks = await this.datasets.listChunks(this.db, {
      workspace,
      versionId,
      part,
      fromOrdinal: from,
      toOrdinal: from + size,
    });
    const lines: StoredLine[] = [];
    let bytes = 0;
    for await (const json of readChunkedLines(this.blobs, chunks, from)) {
      bytes += Buffer.byteLength(json);
      if (lines.length === size || (lines.length > 0 && bytes > PAGE_BYTES_MAX)) break;
      lines.push({ ordinal: from + lines.length, json });
    }
    return lines;
  }
}
