// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { parsePlatformKey, ServiceTokens } from '#libs/auth';
import { ingestion } from '#libs/contracts';
import { AppError } from '#libs/errors';
import { ShutdownSequence } from '#libs/observability';
import { createRpcClient, STREAM_MS_MAX, type RpcClient } from '#libs/rpc';
import { DataPrepSettings } from '../config';
import { RecipeErrors } from '../recipes/recipes.errors';
import { DatasetVersions, type DatasetVersion, type NewVersion } from './dataset-versions';

const CHUNK_BYTES = 256 * 1024;

/** Dataset versions by gRPC from ingestion. */
@Injectable()
export class IngestionDatasetVersions extends DatasetVersions {
  private readonly client: RpcClient<typeof ingestion.DatasetServiceService>;

  constructor(
    private readonly settings: DataPrepSettings,
    shutdown: ShutdownSequence,
  ) {
    super();
    const tokens = new ServiceTokens(
      'data-prep',
      settings.authSigningKey ? parsePlatformKey(settings.authSigningKey) : undefined,
    );
    this.client = createRpcClient(ingestion.DatasetServiceService, {
      address: settings.ingestionGrpc,
      service: 'data-prep',
      token: () => tokens.current(),
      idempotent: ['getDatasetVersion'],
    });
    shutdown.on('close-pools', 'ingestion client', () => this.client.close());
  }

  async get(workspace: string, reference: string): Promise<DatasetVersion> {
    const deadlineMs = this.settings.peerDeadlineMilliseconds;
    const { version } = await this.asInput(reference, () =>
      this.client.getDatasetVersion({ version: reference }, { workspace, deadlineMs }),
    );
    if (!version || version.state !== ingestion.DatasetVersionState.DATASET_VERSION_STATE_COMMITTED) {
      throw RecipeErrors.INPUT_NOT_FOUND(`dataset version ${JSON.stringify(reference)} was deleted`, { version: reference });
    }
    return fromProto(version);
  }

  async *export(workspace: string, versionId: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const stream = this.client.exportDatasetVersion({ versionId }, { workspace, deadlineMs: STREAM_MS_MAX, signal });
    for await (const { chunk } of stream) yield chunk;
  }

  async commit(
    workspace: string,
    version: NewVersion,
    lines: AsyncIterable<Buffer>,
    signal: AbortSignal,
  ): Promise<DatasetVersion> {
    const response = await this.client.uploadDataset(uploadMessages(version, lines), {
      workspace,
      deadlineMs: STREAM_MS_MAX,
      signal,
    });
    return fromProto(response.version as ingestion.DatasetVersion);
  }

  private async asInput<T>(reference: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== 'not-found') throw error;
      throw RecipeErrors.INPUT_NOT_FOUND(`dataset version ${JSON.stringify(reference)} not found`, { version: reference }, error);
    }
  }
}

async function* uploadMessages(
  version: NewVersion,
  lines: AsyncIterable<Buffer>,
): AsyncGenerator<ingestion.UploadDatasetRequest> {
  const header = ingestion.UploadHeader.fromPartial({
    dataset: version.dataset,
    format: 'jsonl',
    kind: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_PREPARED,
    parentVersionIds: [version.parentVersionId],
    producedBy: version.producedBy,
    tags: version.tags,
    requestId: version.requestId,
    sha256: version.sha256,
    keepRowIds: true,
  });
  yield { header, chunk: undefined };
  for await (const bytes of lines) {
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES)
      yield { header: undefined, chunk: bytes.subarray(from, from + CHUNK_BYTES) };
  }
}

function fromProto(version: ingestion.DatasetVersion): DatasetVersion {
  return {
    id: version.id,
    datasetName: version.datasetName,
    version: version.version,
    contentDigest: version.contentDigest,
    rowsKept: Number(version.rowsKept),
    rowsQuarantined: Number(version.rowsQuarantined),
    quarantinedByReason: Object.fromEntries(
      Object.entries(version.quarantinedByReason).map(([reason, count]) => [reason, Number(count)]),
    ),
    bytes: Number(version.bytes),
  };
}
