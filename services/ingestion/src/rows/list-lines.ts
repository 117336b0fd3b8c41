// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import type { Caller } from '../datasets/caller';
import { DatasetsRepository, type ChunkPart } from '../datasets/datasets.repository';
import { GetDatasetVersion } from '../datasets/get-dataset-version';
import { readPage, type Page, type PageInput } from '../datasets/page';
import { readChunkedLines } from './row-chunks';

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
    return readPage(page, {
      filter: [part, version.id],
      read: (size, after) => this.read(caller.workspace, version.id, { part, from: after ? Number(after[0]) + 1 : 0, size }),
      keyOf: (line) => line.ordinal,
      kind: 'integer',
    });
  }

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
    const lines = await readChunkedLines(this.blobs, chunks, { fromOrdinal: from, limit: size });
    return lines.map((json, index) => ({ ordinal: from + index, json }));
  }
}
