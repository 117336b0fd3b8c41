// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { Events, ingestion } from '#libs/contracts';
import { notFound } from '#libs/errors';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { checkDatasetName, datasetEtag, type Dataset, type DatasetVersion, type VersionKind } from '../datasets/dataset';
import { DatasetsRepository } from '../datasets/datasets.repository';
import type { ChunkedRows } from '../rows/row-chunks';

/** What a new version is made from. */
export interface NewVersion {
  workspace: string;
  /** Id, or a name that is created when it does not exist. */
  dataset: string;
  kind: VersionKind;
  rows: ChunkedRows;
  quarantine: ChunkedRows;
  quarantinedByReason: Record<string, number>;
  parentVersionIds: string[];
  producedBy: string;
  tags: Record<string, string>;
}

const kindToProto: Record<VersionKind, ingestion.DatasetVersionKind> = {
  raw: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_RAW,
  prepared: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_PREPARED,
  feedback: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_FEEDBACK,
};

/** Makes a version visible: dataset, number, chunks and event in the caller's transaction. Its blobs are stored already. */
@Injectable()
export class CommitVersion {
  constructor(
    private readonly datasets: DatasetsRepository,
    private readonly events: EventPublisher,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  async execute(tx: Transaction, input: NewVersion): Promise<DatasetVersion> {
    const now = this.clock.now();
    const dataset = await this.datasetFor(tx, input, now);
    const { workspace, rows, quarantine } = input;
    const version: DatasetVersion = {
      id: this.ids.next(),
      workspace,
      datasetId: dataset.id,
      datasetName: dataset.name,
      version: await this.datasets.takeVersionNumber(tx, workspace, dataset.id, now),
      kind: input.kind,
      state: 'committed',
      contentDigest: rows.digest,
      rowsRead: rows.rows + quarantine.rows,
      rowsKept: rows.rows,
      rowsQuarantined: quarantine.rows,
      quarantinedByReason: input.quarantinedByReason,
      bytes: rows.bytes,
      parentVersionIds: input.parentVersionIds,
      producedBy: input.producedBy,
      tags: input.tags,
      revision: 1,
      createTime: now,
    };
    await this.datasets.insertVersion(tx, version, { rows: rows.chunks, quarantine: quarantine.chunks });
    await this.announce(tx, version);
    return version;
  }

  private async datasetFor(tx: Transaction, input: NewVersion, now: Date): Promise<Dataset> {
    const { workspace } = input;
    const known = await this.datasets.findDataset(tx, workspace, input.dataset);
    if (known) return known;
    checkDatasetName(input.dataset, 'dataset');
    const plain = {
      id: this.ids.next(),
      workspace,
      name: input.dataset,
      description: '',
      latestVersion: 0,
      createTime: now,
      updateTime: now,
    };
    if (await this.datasets.insertDataset(tx, { ...plain, etag: datasetEtag(plain) }))
      return { ...plain, etag: datasetEtag(plain) };
    // Another upload created it between our look and our insert; it is committed, so it is seen now.
    const created = await this.datasets.findDataset(tx, workspace, input.dataset);
    if (!created) throw notFound('dataset', input.dataset);
    return created;
  }

  private async announce(tx: Transaction, version: DatasetVersion): Promise<void> {
    await this.events.publish(tx, Events.DatasetVersionCommitted, {
      workspace: version.workspace,
      aggregateId: version.id,
      aggregateVersion: version.revision,
      data: {
        datasetId: version.datasetId,
        datasetName: version.datasetName,
        versionId: version.id,
        version: version.version,
        kind: kindToProto[version.kind],
        contentDigest: version.contentDigest,
        rowsKept: String(version.rowsKept),
        rowsQuarantined: String(version.rowsQuarantined),
        bytes: String(version.bytes),
        parentVersionIds: version.parentVersionIds,
        producedBy: version.producedBy,
        tags: version.tags,
        createTime: version.createTime,
      },
    });
  }
}
