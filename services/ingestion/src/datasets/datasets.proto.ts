// SPDX-License-Identifier: Apache-2.0
import { ingestion } from '#libs/contracts';
import { versionEtag, type Dataset, type DatasetVersion, type VersionKind } from './dataset';
import type { UploadRecord } from './datasets.repository';

const kinds: Record<VersionKind, ingestion.DatasetVersionKind> = {
  raw: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_RAW,
  prepared: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_PREPARED,
  feedback: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_FEEDBACK,
};

/** The domain's word for a kind; unset means raw. */
export function kindFromProto(kind: ingestion.DatasetVersionKind): VersionKind {
  const found = Object.entries(kinds).find(([, proto]) => proto === kind);
  return (found?.[0] as VersionKind | undefined) ?? 'raw';
}

export function datasetToProto(dataset: Dataset): ingestion.Dataset {
  const { id, name, description, latestVersion, etag, createTime, updateTime } = dataset;
  return { id, name, description, latestVersion, etag, createTime, updateTime };
}

export function versionToProto(version: DatasetVersion): ingestion.DatasetVersion {
  return {
    id: version.id,
    datasetId: version.datasetId,
    datasetName: version.datasetName,
    version: version.version,
    kind: kinds[version.kind],
    state:
      version.state === 'deleted'
        ? ingestion.DatasetVersionState.DATASET_VERSION_STATE_DELETED
        : ingestion.DatasetVersionState.DATASET_VERSION_STATE_COMMITTED,
    contentDigest: version.contentDigest,
    rowsRead: String(version.rowsRead),
    rowsKept: String(version.rowsKept),
    rowsQuarantined: String(version.rowsQuarantined),
    quarantinedByReason: Object.fromEntries(
      Object.entries(version.quarantinedByReason).map(([reason, count]) => [reason, String(count)]),
    ),
    bytes: String(version.bytes),
    parentVersionIds: version.parentVersionIds,
    producedBy: version.producedBy,
    tags: version.tags,
    etag: versionEtag(version),
    createTime: version.createTime,
  };
}

export function uploadToProto(upload: UploadRecord): ingestion.Upload {
  return {
    id: upload.id,
    dataset: upload.dataset,
    state: upload.state,
    versionId: upload.versionId ?? '',
    code: upload.code,
    message: upload.message,
    bytesRead: String(upload.bytesRead),
    rowsRead: String(upload.rowsRead),
    createdBy: upload.createdBy,
    createTime: upload.createTime,
  };
}
