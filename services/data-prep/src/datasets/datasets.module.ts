// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { DatasetVersions } from './dataset-versions';
import { IngestionDatasetVersions } from './ingestion-dataset-versions';

@Module({
  providers: [{ provide: DatasetVersions, useClass: IngestionDatasetVersions }],
  exports: [DatasetVersions],
})
export class DatasetsModule {}
