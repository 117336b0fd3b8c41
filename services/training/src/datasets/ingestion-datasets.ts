// SPDX-License-Identifier: Apache-2.0
import { ingestion } from '#libs/contracts';
import { notFound } from '#libs/errors';
import type { RpcClient } from '#libs/rpc';
import { DatasetReader, type DatasetVersionFacts, type FeedbackDatasetRequest } from './dataset-reader';

/** Longest export of one dataset version, in milliseconds. */
const EXPORT_DEADLINE_MS = 30 * 60_000;
/** 200,000 pieces, the most there can be, take 9 s; a run is leased for 60 s and asks for more than this. */
const BUILD_DEADLINE_MS = 25_000;

/** Datasets of ingestion, by gRPC. */
export class IngestionDatasets extends DatasetReader {
  constructor(
    private readonly client: RpcClient<typeof ingestion.DatasetServiceService>,
    private readonly deadlineMs: number,
  ) {
    super();
  }

  async getVersion(workspace: string, reference: string): Promise<DatasetVersionFacts> {
    const { version } = await this.client.getDatasetVersion({ version: reference }, { workspace, deadlineMs: this.deadlineMs });
    if (!version || version.state === ingestion.DatasetVersionState.DATASET_VERSION_STATE_DELETED)
      throw notFound('dataset version', reference);
    return toFacts(version);
  }

  async *exportRows(workspace: string, versionId: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const messages = this.client.exportDatasetVersion({ versionId }, { workspace, deadlineMs: EXPORT_DEADLINE_MS, signal });
    for await (const { chunk } of messages) yield chunk;
  }

  async buildFeedbackDataset(workspace: string, request: FeedbackDatasetRequest): Promise<DatasetVersionFacts> {
    const { version } = await this.client.buildFeedbackDataset(
      {
        dataset: request.dataset,
        modelName: request.modelName,
        source: ingestion.FeedbackSource.FEEDBACK_SOURCE_ACCEPTED,
        rowsPerRaterMax: request.rowsPerRaterMax,
        sinceTime: undefined,
        reason: '',
        tags: {},
        requestId: request.requestId,
      },
      { workspace, deadlineMs: BUILD_DEADLINE_MS },
    );
    if (!version) throw notFound('feedback dataset version', request.dataset);
    return toFacts(version);
  }
}

function toFacts(version: ingestion.DatasetVersion): DatasetVersionFacts {
  const { id, datasetName, contentDigest, rowsKept } = version;
  return { id, datasetName, version: version.version, contentDigest, rows: Number(rowsKept) };
}
