// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { RowChunk } from '../rows/row-chunks';
import type { Dataset, DatasetVersion } from './dataset';

export type ChunkPart = 'rows' | 'quarantine';

/** An upload that ended, well or not. */
export interface UploadRecord {
  workspace: string;
  id: string;
  dataset: string;
  state: 'committed' | 'refused';
  versionId: string | null;
  code: string;
  message: string;
  bytesRead: number;
  rowsRead: number;
  createdBy: string;
  createTime: Date;
}

/** Keyset position of a page. */
export interface PageQuery {
  size: number;
  after?: (string | number)[];
}

/** Where datasets are kept. Every method sees one workspace only. */
export abstract class DatasetsRepository {
  /** By id or name. */
  abstract findDataset(db: Queryable, workspace: string, idOrName: string): Promise<Dataset | undefined>;
  /** Inserts it; false when the name is taken. */
  abstract insertDataset(tx: Transaction, dataset: Dataset): Promise<boolean>;
  abstract listDatasets(db: Queryable, workspace: string, page: PageQuery): Promise<Dataset[]>;
  /** Locks the dataset and takes its next version number: two uploads at once get two numbers. */
  abstract takeVersionNumber(tx: Transaction, workspace: string, datasetId: string, now: Date): Promise<number>;
  abstract insertVersion(tx: Transaction, version: DatasetVersion, chunks: Record<ChunkPart, RowChunk[]>): Promise<void>;
  /** By id, `<dataset>/<number>` or `<dataset>/latest`. */
  abstract findVersion(db: Queryable, workspace: string, reference: string): Promise<DatasetVersion | undefined>;
  abstract listVersions(db: Queryable, workspace: string, datasetId: string, page: PageQuery): Promise<DatasetVersion[]>;
  /** Writes tags, state and revision; false when another change came first. */
  abstract updateVersion(tx: Transaction, version: DatasetVersion, expectedRevision: number): Promise<boolean>;
  /** Chunks that hold positions from `fromOrdinal` to `toOrdinal`, in order. */
  abstract listChunks(
    db: Queryable,
    key: { workspace: string; versionId: string; part: ChunkPart; fromOrdinal: number; toOrdinal: number },
  ): Promise<RowChunk[]>;
  abstract insertUpload(db: Queryable, upload: UploadRecord): Promise<void>;
  abstract listUploads(db: Queryable, workspace: string, page: PageQuery): Promise<UploadRecord[]>;
}
