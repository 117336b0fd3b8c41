// SPDX-License-Identifier: Apache-2.0

/** What training needs to know of a dataset version. */
export interface DatasetVersionFacts {
  id: string;
  datasetName: string;
  version: number;
  contentDigest: string;
  rows: number;
}

export interface FeedbackDatasetRequest {
  dataset: string;
  modelName: string;
  rowsPerRaterMax: number;
  /** Repeating it gives the first answer: a run that is driven again builds nothing twice. */
  requestId: string;
}

/** Port to ingestion. Errors are AppErrors: not-found for unknown versions, unavailable when ingestion does not answer. */
export abstract class DatasetReader {
  /** `reference` is a version id, `<dataset>/<number>` or `<dataset>/latest`. A deleted version counts as not found. */
  abstract getVersion(workspace: string, reference: string): Promise<DatasetVersionFacts>;
  /** Streams the rows as JSON lines; chunks may cut lines. */
  abstract exportRows(workspace: string, versionId: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  abstract buildFeedbackDataset(workspace: string, request: FeedbackDatasetRequest): Promise<DatasetVersionFacts>;
}
