// SPDX-License-Identifier: Apache-2.0
// A service in the shape that ts-proto generates, on the messages of ingestion, so that the specs need no proto of their own.
import { ingestion } from '#libs/contracts';

const { createDataset, exportDatasetVersion, uploadDataset, getDataset } = ingestion.DatasetServiceService;
const path = <P extends string>(name: P) => `/millrace.ingestion.v1.DatasetService/${name}` as const;

/** unary, server stream, client stream, and a unary one that may be retried. */
export const EchoService = {
  createDataset: { ...createDataset, path: path('CreateDataset') },
  exportDatasetVersion: { ...exportDatasetVersion, path: path('ExportDatasetVersion') },
  uploadDataset: { ...uploadDataset, path: path('UploadDataset') },
  getDataset: { ...getDataset, path: path('GetDataset') },
};
