// SPDX-License-Identifier: Apache-2.0
import { mkdir } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { invalidFields, notFound, toAppError } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import { IngestionSettings } from '../config';
import type { Caller } from '../datasets/caller';
import { checkDatasetName, checkLength, checkTags, type DatasetVersion, type VersionKind } from '../datasets/dataset';
import { DatasetErrors } from '../datasets/datasets.errors';
import { DatasetsRepository } from '../datasets/datasets.repository';
import { readColumns, type ColumnType } from '../rows/check-columns';
import { boundRows } from '../rows/bound-rows';
import { readCsv } from '../rows/read-csv';
import { readParquet } from '../rows/read-parquet';
import { CommitVersion } from './commit-version';
import { UploadTools } from './upload-tools';
import { checkFormat, MeasuredBytes } from './read-upload';
import { RowSorter } from './row-sorter';

const PRODUCED_BY_CHARACTERS_MAX = 500;
/** Each is looked up before the first byte is read. */
const PARENTS_MAX = 100;

/** What an upload says of itself before its bytes. */
export interface UploadHeader {
  dataset: string;
  format: string;
  kind: VersionKind;
  parentVersionIds: string[];
  producedBy: string;
  tags: Record<string, string>;
  requestId: string;
  sha256: string;
  keepRowIds: boolean;
  columns: Record<string, string>;
}

/**
 * Reads an upload row by row with bounded memory, stores good rows and refused rows as chunks, then commits one version.
 * Nothing is visible before the last byte was read and checked: a cut upload leaves only a refused entry in the list of
 * uploads. A crash before the commit leaves unreferenced blobs; a repeated request id gives the first version.
 */
@Injectable()
export class UploadDataset {
  private running = 0;

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly datasets: DatasetsRepository,
    private readonly blobs: BlobStore,
    private readonly commitVersion: CommitVersion,
    private readonly tools: UploadTools,
    private readonly settings: IngestionSettings,
  ) {}

  async execute(caller: Caller, header: UploadHeader, source: AsyncIterable<Buffer>): Promise<DatasetVersion> {
    const columns = this.check(header);
    if (this.running >= this.settings.uploadsRunningMax) {
      throw DatasetErrors.UPLOADS_BUSY(`${this.running} uploads are running`, {
        uploadsRunningMax: this.settings.uploadsRunningMax,
      });
    }
    this.running += 1;
    // Who promises no digest and repeats no request compares with nothing: hashing every byte once more would be for nobody.
    const hashed = header.sha256 !== '' || header.requestId !== '';
    const measured = new MeasuredBytes(source, this.settings.uploadBytesMax, { hashed });
    const { rowBytesMax, chunkBytes } = this.settings;
    const sorted = new RowSorter(this.blobs, { columns, keepRowIds: header.keepRowIds, rowBytesMax, chunkBytes });
    try {
      await this.requireParents(caller, header);
      await this.sortRows(header, measured, sorted);
      return await this.commit(caller, header, { measured, sorted });
    } catch (error) {
      const refusal = toAppError(error);
      await sorted.abandon();
      // The caller must learn why the upload was refused also when the list of uploads cannot take it (database gone).
      await this.recordRefusal(caller, header, { measured, sorted, error: refusal }).catch((listError: unknown) =>
        this.tools.logger.warn({ dataset: header.dataset, code: refusal.code, err: listError }, 'a refused upload is not listed'),
      );
      throw refusal;
    } finally {
      this.running -= 1;
    }
  }

  private check(header: UploadHeader): Map<string, ColumnType> {
    if (header.dataset === '') throw invalidFields({ field: 'dataset', message: 'is required' });
    checkDatasetName(header.dataset, 'dataset');
    checkFormat(header.format);
    checkTags(header.tags);
    checkLength(header.producedBy, 'producedBy', PRODUCED_BY_CHARACTERS_MAX);
    if (header.parentVersionIds.length > PARENTS_MAX)
      throw invalidFields({ field: 'parentVersionIds', message: `at most ${PARENTS_MAX} versions` });
    if (header.sha256 !== '' && !/^[0-9a-f]{64}$/.test(header.sha256)) {
      throw invalidFields({ field: 'sha256', message: 'must be 64 lowercase hex digits' });
    }
    return readColumns(header.columns);
  }

  private async requireParents(caller: Caller, header: UploadHeader): Promise<void> {
    for (const id of header.parentVersionIds) {
      if (!(await this.datasets.findVersion(this.tools.db, caller.workspace, id))) throw notFound('parent dataset version', id);
    }
  }

  private async sortRows(header: UploadHeader, measured: MeasuredBytes, sorted: RowSorter): Promise<void> {
    if (header.format === 'jsonl') return sorted.takeJsonl(measured.read());
    const { workDir, rowBytesMax, uploadBytesMax: bytesMax } = this.settings;
    await mkdir(workDir, { recursive: true });
    const rows = header.format === 'csv' ? readCsv(measured.read(), rowBytesMax) : readParquet(measured.read(), workDir);
    await sorted.takeRows(boundRows(rows, { rowBytesMax, bytesMax }));
  }

  private async commit(
    caller: Caller,
    header: UploadHeader,
    { measured, sorted }: { measured: MeasuredBytes; sorted: RowSorter },
  ): Promise<DatasetVersion> {
    const sha256 = measured.digest();
    if (header.sha256 !== '' && header.sha256 !== sha256) {
      throw DatasetErrors.UPLOAD_DIGEST_MISMATCH('the bytes do not have the promised sha256', {
        promised: header.sha256,
        received: sha256,
      });
    }
    const [rows, quarantine] = [await sorted.kept.end(), await sorted.quarantined.end()];
    if (rows.rows === 0) {
      throw DatasetErrors.NO_ROWS(`not one of ${quarantine.rows} rows could be kept`, {
        rowsRead: quarantine.rows,
        byReason: sorted.byReason,
      });
    }
    const { workspace, subject } = caller;
    const { requestId, ...said } = header;
    const version = await this.unitOfWork.run((tx) =>
      this.idempotency.once(
        tx,
        { workspace, operation: 'UploadDataset', requestId, request: { ...said, received: sha256 } },
        async () => {
          const uploadId = this.tools.ids.next();
          const producedBy = header.producedBy === '' ? `upload/${uploadId}` : header.producedBy;
          const parts = { rows, quarantine, quarantinedByReason: sorted.byReason };
          const made = await this.commitVersion.execute(tx, { workspace, ...header, producedBy, ...parts });
          await this.datasets.insertUpload(tx, {
            workspace,
            id: uploadId,
            dataset: header.dataset,
            state: 'committed',
            versionId: made.id,
            code: '',
            message: '',
            bytesRead: measured.bytes,
            rowsRead: made.rowsRead,
            createdBy: subject,
            createTime: this.tools.clock.now(),
          });
          return made;
        },
      ),
    );
    this.tools.metrics.committed(version);
    return version;
  }

  private async recordRefusal(
    caller: Caller,
    header: UploadHeader,
    { measured, sorted, error }: { measured: MeasuredBytes; sorted: RowSorter; error: unknown },
  ): Promise<void> {
    const { code, message } = toAppError(error);
    this.tools.metrics.refused(code);
    await this.datasets.insertUpload(this.tools.db, {
      workspace: caller.workspace,
      id: this.tools.ids.next(),
      dataset: header.dataset,
      state: 'refused',
      versionId: null,
      code,
      message,
      bytesRead: measured.bytes,
      rowsRead: sorted.kept.rowCount + sorted.quarantined.rowCount,
      createdBy: caller.subject,
      createTime: this.tools.clock.now(),
    });
  }
}
