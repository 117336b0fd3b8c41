// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { BuildFeedbackDataset } from '../feedback-datasets/build-feedback-dataset';
import { FeedbackConsumer } from '../feedback-datasets/feedback.consumer';
import { FeedbackRepository } from '../feedback-datasets/feedback.repository';
import { TypeormFeedbackRepository } from '../feedback-datasets/feedback.typeorm';
import { RecordFeedback } from '../feedback-datasets/record-feedback';
import { ExportDatasetVersion } from '../rows/export-dataset-version';
import { ListLines } from '../rows/list-lines';
import { CommitVersion } from '../uploads/commit-version';
import { IngestionMetrics } from '../uploads/ingestion.metrics';
import { RemoveOldUploadFiles } from '../uploads/remove-old-upload-files';
import { UploadDataset } from '../uploads/upload-dataset';
import { UploadTools } from '../uploads/upload-tools';
import { CreateDataset } from './create-dataset';
import { DatasetReads } from './dataset-reads';
import { DatasetsGrpc } from './datasets.grpc';
import { DatasetsHttp } from './datasets.http';
import { DatasetsRepository } from './datasets.repository';
import { TypeormDatasetsRepository } from './datasets.typeorm';
import { DeleteDatasetVersion } from './delete-dataset-version';
import { GetDataset } from './get-dataset';
import { GetDatasetVersion } from './get-dataset-version';
import { ListDatasets } from './list-datasets';
import { ListDatasetVersions } from './list-dataset-versions';
import { ListUploads } from './list-uploads';
import { TagDatasetVersion } from './tag-dataset-version';

/** Datasets, uploads, rows and feedback datasets: one aggregate, so one module. */
@Module({
  controllers: [DatasetsHttp],
  providers: [
    { provide: DatasetsRepository, useClass: TypeormDatasetsRepository },
    { provide: FeedbackRepository, useClass: TypeormFeedbackRepository },
    IngestionMetrics,
    CommitVersion,
    UploadTools,
    UploadDataset,
    RemoveOldUploadFiles,
    CreateDataset,
    GetDataset,
    ListDatasets,
    GetDatasetVersion,
    ListDatasetVersions,
    ListUploads,
    TagDatasetVersion,
    DeleteDatasetVersion,
    ListLines,
    ExportDatasetVersion,
    RecordFeedback,
    BuildFeedbackDataset,
    FeedbackConsumer,
    DatasetReads,
    DatasetsGrpc,
  ],
})
export class DatasetsModule {}
