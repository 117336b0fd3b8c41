// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { ExportDatasetVersion } from '../rows/export-dataset-version';
import { ListLines } from '../rows/list-lines';
import { GetDataset } from './get-dataset';
import { GetDatasetVersion } from './get-dataset-version';
import { ListDatasets } from './list-datasets';
import { ListDatasetVersions } from './list-dataset-versions';
import { ListUploads } from './list-uploads';

/** The use cases that read and list, for the doors. */
@Injectable()
export class DatasetReads {
  constructor(
    readonly getDataset: GetDataset,
    readonly listDatasets: ListDatasets,
    readonly getVersion: GetDatasetVersion,
    readonly listVersions: ListDatasetVersions,
    readonly listLines: ListLines,
    readonly exportVersion: ExportDatasetVersion,
    readonly listUploads: ListUploads,
  ) {}
}
