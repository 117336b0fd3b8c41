// SPDX-License-Identifier: Apache-2.0
import { datasetEtag, type Dataset, type DatasetVersion, type VersionKind } from './dataset';
import type { UploadRecord } from './datasets.repository';

export interface DatasetRow {
  id: string;
  workspace: string;
  name: string;
  description: string;
  latest_version: number;
  create_time: Date;
  update_time: Date;
}

export interface VersionRow {
  id: string;
  workspace: string;
  dataset_id: string;
  dataset_name: string;
  version: number;
  kind: VersionKind;
  state: 'committed' | 'deleted';
  content_digest: string;
  rows_read: string;
  rows_kept: string;
  rows_quarantined: string;
  quarantined_by_reason: Record<string, number>;
  bytes: string;
  parent_version_ids: string[];
  produced_by: string;
  tags: Record<string, string>;
  revision: number;
  create_time: Date;
}

export interface UploadRow {
  id: string;
  workspace: string;
  dataset: string;
  state: 'committed' | 'refused';
  version_id: string | null;
  code: string;
  message: string;
  bytes_read: string;
  rows_read: string;
  created_by: string;
  create_time: Date;
}

export function toDataset(row: DatasetRow): Dataset {
  const dataset = {
    id: row.id,
    workspace: row.workspace,
    name: row.name,
    description: row.description,
    latestVersion: row.latest_version,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
  return { ...dataset, etag: datasetEtag(dataset) };
}

export function toVersion(row: VersionRow): DatasetVersion {
  return {
    id: row.id,
    workspace: row.workspace,
    datasetId: row.dataset_id,
    datasetName: row.dataset_name,
    version: row.version,
    kind: row.kind,
    state: row.state,
    contentDigest: row.content_digest,
    rowsRead: Number(row.rows_read),
    rowsKept: Number(row.rows_kept),
    rowsQuarantined: Number(row.rows_quarantined),
    quarantinedByReason: row.quarantined_by_reason,
    bytes: Number(row.bytes),
    parentVersionIds: row.parent_version_ids,
    producedBy: row.produced_by,
    tags: row.tags,
    revision: row.revision,
    createTime: row.create_time,
  };
}

export function toUpload(row: UploadRow): UploadRecord {
  return {
    workspace: row.workspace,
    id: row.id,
    dataset: row.dataset,
    state: row.state,
    versionId: row.version_id,
    code: row.code,
    message: row.message,
    bytesRead: Number(row.bytes_read),
    rowsRead: Number(row.rows_read),
    createdBy: row.created_by,
    createTime: row.create_time,
  };
}
