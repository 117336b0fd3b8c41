// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { requireRole } from '#libs/auth';
import { ingestion } from '#libs/contracts';
import { invalidFields } from '#libs/errors';
import { Requires, RpcController, type RpcContext } from '#libs/rpc';
import { BuildFeedbackDataset } from '../feedback-datasets/build-feedback-dataset';
import { UploadDataset } from '../uploads/upload-dataset';
import type { Caller } from './caller';
import { CreateDataset } from './create-dataset';
import { DatasetReads } from './dataset-reads';
import { datasetToProto, kindFromProto, uploadToProto, versionToProto } from './datasets.proto';
import { DeleteDatasetVersion } from './delete-dataset-version';
import { TagDatasetVersion } from './tag-dataset-version';

const EXPORT_CHUNK_BYTES = 256 * 1024;

function callerOf(ctx: RpcContext): Caller {
  return { workspace: ctx.workspace, subject: ctx.principal.subject };
}

@Injectable()
@RpcController(ingestion.DatasetServiceService)
export class DatasetsGrpc {
  constructor(
    private readonly reads: DatasetReads,
    private readonly create: CreateDataset,
    private readonly upload: UploadDataset,
    private readonly tag: TagDatasetVersion,
    private readonly remove: DeleteDatasetVersion,
    private readonly buildFeedback: BuildFeedbackDataset,
  ) {}

  async createDataset(request: ingestion.CreateDatasetRequest, ctx: RpcContext): Promise<ingestion.CreateDatasetResponse> {
    return { dataset: datasetToProto(await this.create.execute(callerOf(ctx), request)) };
  }

  async getDataset(request: ingestion.GetDatasetRequest, ctx: RpcContext): Promise<ingestion.GetDatasetResponse> {
    return { dataset: datasetToProto(await this.reads.getDataset.execute(callerOf(ctx), request.dataset)) };
  }

  async listDatasets(request: ingestion.ListDatasetsRequest, ctx: RpcContext): Promise<ingestion.ListDatasetsResponse> {
    const page = await this.reads.listDatasets.execute(callerOf(ctx), request);
    return { datasets: page.items.map(datasetToProto), nextPageToken: page.nextPageToken };
  }

  async uploadDataset(
    requests: AsyncIterable<ingestion.UploadDatasetRequest>,
    ctx: RpcContext,
  ): Promise<ingestion.UploadDatasetResponse> {
    const parts = requests[Symbol.asyncIterator]();
    const first = await parts.next();
    const header = first.done ? undefined : first.value.header;
    if (!header) throw invalidFields({ field: 'header', message: 'the first message must be the header' });
    const version = await this.upload.execute(callerOf(ctx), { ...header, kind: kindFromProto(header.kind) }, chunksOf(parts));
    return { version: versionToProto(version) };
  }

  async getDatasetVersion(
    request: ingestion.GetDatasetVersionRequest,
    ctx: RpcContext,
  ): Promise<ingestion.GetDatasetVersionResponse> {
    return { version: versionToProto(await this.reads.getVersion.execute(callerOf(ctx), request.version)) };
  }

  async listDatasetVersions(
    request: ingestion.ListDatasetVersionsRequest,
    ctx: RpcContext,
  ): Promise<ingestion.ListDatasetVersionsResponse> {
    const page = await this.reads.listVersions.execute(callerOf(ctx), request.dataset, request);
    return { versions: page.items.map(versionToProto), nextPageToken: page.nextPageToken };
  }

  async listRows(request: ingestion.ListRowsRequest, ctx: RpcContext): Promise<ingestion.ListRowsResponse> {
    const page = await this.reads.listLines.execute(callerOf(ctx), request.versionId, { ...request, part: 'rows' });
    const rows = page.items.map(({ ordinal, json }) => ({ rowId: rowIdOf(json), ordinal: String(ordinal), json }));
    return { rows, nextPageToken: page.nextPageToken };
  }

  async *exportDatasetVersion(
    request: ingestion.ExportDatasetVersionRequest,
    ctx: RpcContext,
  ): AsyncGenerator<ingestion.ExportDatasetVersionResponse> {
    const { bytes } = await this.reads.exportVersion.execute(callerOf(ctx), request.versionId);
    for await (const block of bytes) {
      for (let at = 0; at < block.length; at += EXPORT_CHUNK_BYTES) yield { chunk: block.subarray(at, at + EXPORT_CHUNK_BYTES) };
    }
  }

  async listQuarantinedRows(
    request: ingestion.ListQuarantinedRowsRequest,
    ctx: RpcContext,
  ): Promise<ingestion.ListQuarantinedRowsResponse> {
    const page = await this.reads.listLines.execute(callerOf(ctx), request.versionId, { ...request, part: 'quarantine' });
    const rows = page.items.map(({ json }) => {
      const row = JSON.parse(json) as { line: number; reason: string; detail: string; sample: string };
      return { ...row, line: String(row.line) };
    });
    return { rows, nextPageToken: page.nextPageToken };
  }

  async listUploads(request: ingestion.ListUploadsRequest, ctx: RpcContext): Promise<ingestion.ListUploadsResponse> {
    const page = await this.reads.listUploads.execute(callerOf(ctx), request);
    return { uploads: page.items.map(uploadToProto), nextPageToken: page.nextPageToken };
  }

  async tagDatasetVersion(
    request: ingestion.TagDatasetVersionRequest,
    ctx: RpcContext,
  ): Promise<ingestion.TagDatasetVersionResponse> {
    const { versionId: version, ...rest } = request;
    return { version: versionToProto(await this.tag.execute(callerOf(ctx), { version, ...rest })) };
  }

  async deleteDatasetVersion(
    request: ingestion.DeleteDatasetVersionRequest,
    ctx: RpcContext,
  ): Promise<ingestion.DeleteDatasetVersionResponse> {
    const { versionId: version, ...rest } = request;
    return { version: versionToProto(await this.remove.execute(callerOf(ctx), { version, ...rest })) };
  }

  @Requires('editor')
  async buildFeedbackDataset(
    request: ingestion.BuildFeedbackDatasetRequest,
    ctx: RpcContext,
  ): Promise<ingestion.BuildFeedbackDatasetResponse> {
    const retracted = request.source === ingestion.FeedbackSource.FEEDBACK_SOURCE_RETRACTED;
    if (retracted) requireRole(ctx.principal, ctx.workspace, 'admin');
    const source = retracted ? ('retracted' as const) : ('accepted' as const);
    const built = await this.buildFeedback.execute(callerOf(ctx), { ...request, source });
    const leftOut = Object.fromEntries(Object.entries(built.leftOut).map(([reason, count]) => [reason, String(count)]));
    return { version: versionToProto(built.version), leftOut };
  }
}

async function* chunksOf(parts: AsyncIterator<ingestion.UploadDatasetRequest>): AsyncGenerator<Buffer> {
  for (;;) {
    const next = await parts.next();
    if (next.done) return;
    if (next.value.header) throw invalidFields({ field: 'header', message: 'only the first message may be a header' });
    if (next.value.chunk) yield next.value.chunk;
  }
}

function rowIdOf(json: string): string {
  return (JSON.parse(json) as { _row_id: string })._row_id;
}
