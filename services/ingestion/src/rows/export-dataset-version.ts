// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import type { Caller } from '../datasets/caller';
import type { DatasetVersion } from '../datasets/dataset';
import { DatasetsRepository } from '../datasets/datasets.repository';
import { GetDatasetVersion } from '../datasets/get-dataset-version';

/** A version and its rows as bytes of JSON lines. */
export interface DatasetExport {
  version: DatasetVersion;
  bytes: AsyncIterable<Buffer>;
}

/** Streams all rows of a version. Every chunk is verified against its digest while it is read. */
@Injectable()
export class ExportDatasetVersion {
  constructor(
    private readonly db: Database,
    private readonly datasets: DatasetsRepository,
    private readonly blobs: BlobStore,
    private readonly getVersion: GetDatasetVersion,
  ) {}

  async execute(caller: Caller, reference: string): Promise<DatasetExport> {
    const version = await this.getVersion.readable(caller, reference);
    const chunks = await this.datasets.listChunks(this.db, {
      workspace: caller.workspace,
      versionId: version.id,
      part: 'rows',
      fromOrdinal: 0,
      toOrdinal: Number.MAX_SAFE_INTEGER,
    });
    return { version, bytes: this.read(chunks.map((chunk) => chunk.sha256)) };
  }

  private async *read(digests: string[]): AsyncGenerator<Buffer> {
    for (const sha256 of digests) yield* (await this.blobs.open(sha256)) as AsyncIterable<Buffer>;
  }
}
