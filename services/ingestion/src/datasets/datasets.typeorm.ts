// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { RowChunk } from '../rows/row-chunks';
import type { Dataset, DatasetVersion } from './dataset';

import { DatasetsRepository, type ChunkPart, type PageQuery, type UploadRecord } from './datasets.repository';
import { toDataset, toUpload, toVersion, type DatasetRow, type UploadRow, type VersionRow } from './datasets.rows';

const DATASET = 'id, workspace, name, description, latest_version, create_time, update_time';
const VERSION = `v.*, d.name as dataset_name from dataset_versions v join datasets d on d.workspace = v.workspace and d.id = v.dataset_id`;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

@Injectable()
export class TypeormDatasetsRepository extends DatasetsRepository {
  async findDataset(db: Queryable, workspace: string, idOrName: string): Promise<Dataset | undefined> {
    const column = UUID.test(idOrName) ? 'id' : 'name';
    const rows = await db.query<DatasetRow>(`select ${DATASET} from datasets where workspace = $1 and ${column} = $2`, [
      workspace,
      idOrName,
    ]);
    return rows[0] && toDataset(rows[0]);
  }

  async insertDataset(tx: Transaction, dataset: Dataset): Promise<boolean> {
    const rows = await tx.query(
      `insert into datasets (workspace, id, name, description, create_time, update_time) values ($1, $2, $3, $4, $5, $5)
       on conflict (workspace, name) do nothing returning id`,
      [dataset.workspace, dataset.id, dataset.name, dataset.description, dataset.createTime],
    );
    return rows.length === 1;
  }

  async listDatasets(db: Queryable, workspace: string, page: PageQuery): Promise<Dataset[]> {
    const rows = await db.query<DatasetRow>(
      `select ${DATASET} from datasets where workspace = $1 and name > $2 order by name limit $3`,
      [workspace, page.after?.[0] ?? '', page.size],
    );
    return rows.map(toDataset);
  }

  async takeVersionNumber(tx: Transaction, workspace: string, datasetId: string, now: Date): Promise<number> {
    const rows = await tx.query<{ latest_version: number }>(
      `update datasets set latest_version = latest_version + 1, update_time = $3 where workspace = $1 and id = $2 returning latest_version`,
      [workspace, datasetId, now],
    );
    return rows[0].latest_version;
  }

  async insertVersion(tx: Transaction, v: DatasetVersion, chunks: Record<ChunkPart, RowChunk[]>): Promise<void> {
    await tx.query(
      `insert into dataset_versions (workspace, id, dataset_id, version, kind, state, content_digest, rows_read, rows_kept, rows_quarantined,
         quarantined_by_reason, bytes, parent_version_ids, produced_by, tags, revision, create_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
      [
        v.workspace, v.id, v.datasetId, v.version, v.kind, v.state, v.contentDigest, v.rowsRead, v.rowsKept, v.rowsQuarantined,
        JSON.stringify(v.quarantinedByReason), v.bytes, v.parentVersionIds, v.producedBy, JSON.stringify(v.tags), v.revision, v.createTime,
      ],
    ); // prettier-ignore
    for (const part of ['rows', 'quarantine'] as const) await this.insertChunks(tx, v, part, chunks[part]);
  }

  async findVersion(db: Queryable, workspace: string, reference: string): Promise<DatasetVersion | undefined> {
    const slash = reference.lastIndexOf('/');
    if (slash < 0) {
      if (!UUID.test(reference)) return undefined;
      const rows = await db.query<VersionRow>(`select ${VERSION} where v.workspace = $1 and v.id = $2`, [workspace, reference]);
      return rows[0] && toVersion(rows[0]);
    }
    const dataset = await this.findDataset(db, workspace, reference.slice(0, slash));
    const which = reference.slice(slash + 1);
    if (!dataset || !/^(latest|[1-9]\d{0,8})$/.test(which)) return undefined;
    const number = which === 'latest' ? dataset.latestVersion : Number(which);
    const rows = await db.query<VersionRow>(`select ${VERSION} where v.workspace = $1 and v.dataset_id = $2 and v.version = $3`, [
      workspace,
      dataset.id,
      number,
    ]);
    return rows[0] && toVersion(rows[0]);
  }

  async listVersions(db: Queryable, workspace: string, datasetId: string, page: PageQuery): Promise<DatasetVersion[]> {
    const rows = await db.query<VersionRow>(
      `select ${VERSION} where v.workspace = $1 and v.dataset_id = $2 and v.version < $3 order by v.version desc limit $4`,
      [workspace, datasetId, page.after?.[0] ?? 2147483647, page.size],
    );
    return rows.map(toVersion);
  }

  async updateVersion(tx: Transaction, version: DatasetVersion, expectedRevision: number): Promise<boolean> {
    const rows = await tx.query(
      `update dataset_versions set tags = $3, state = $4, revision = $5 where workspace = $1 and id = $2 and revision = $6 returning id`,
      [version.workspace, version.id, JSON.stringify(version.tags), version.state, version.revision, expectedRevision],
    );
    return rows.length === 1;
  }

  async listChunks(
    db: Queryable,
    key: { workspace: string; versionId: string; part: ChunkPart; fromOrdinal: number; toOrdinal: number },
  ): Promise<RowChunk[]> {
    const rows = await db.query<{ sha256: string; first_ordinal: string; rows: number; bytes: number }>(
      `select sha256, first_ordinal, rows, bytes from dataset_chunks
       where workspace = $1 and version_id = $2 and part = $3 and first_ordinal + rows > $4 and first_ordinal < $5 order by first_ordinal`,
      [key.workspace, key.versionId, key.part, key.fromOrdinal, key.toOrdinal],
    );
    return rows.map((row) => ({ sha256: row.sha256, firstOrdinal: Number(row.first_ordinal), rows: row.rows, bytes: row.bytes }));
  }

  async insertUpload(db: Queryable, u: UploadRecord): Promise<void> {
    await db.query(
      `insert into uploads (workspace, id, dataset, state, version_id, code, message, bytes_read, rows_read, created_by, create_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [u.workspace, u.id, u.dataset, u.state, u.versionId, u.code, u.message, u.bytesRead, u.rowsRead, u.createdBy, u.createTime],
    );
  }

  async listUploads(db: Queryable, workspace: string, page: PageQuery): Promise<UploadRecord[]> {
    // Ids are UUIDv7: their order is the order of time.
    const rows = await db.query<UploadRow>(
      `select * from uploads where workspace = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
      [workspace, page.after?.[0] ?? null, page.size],
    );
    return rows.map(toUpload);
  }

  private async insertChunks(tx: Transaction, version: DatasetVersion, part: ChunkPart, chunks: RowChunk[]): Promise<void> {
    if (chunks.length === 0) return;
    await tx.query(
      `insert into dataset_chunks (workspace, version_id, part, first_ordinal, rows, bytes, sha256)
       select $1, $2, $3, * from unnest($4::bigint[], $5::int[], $6::int[], $7::text[])`,
      [
        version.workspace,
        version.id,
        part,
        chunks.map((chunk) => chunk.firstOrdinal),
        chunks.map((chunk) => chunk.rows),
        chunks.map((chunk) => chunk.bytes),
        chunks.map((chunk) => chunk.sha256),
      ],
    );
  }
}
