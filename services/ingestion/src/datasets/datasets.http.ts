// SPDX-License-Identifier: Apache-2.0
import { Readable } from 'node:stream';
import { Controller, Delete, Get, HttpCode, Param, Post, Put, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { requireRole } from '#libs/auth';
import { ingestion } from '#libs/contracts';
import { invalidFields } from '#libs/errors';
import { Answers, Ctx, RawBodyStream, Requires, ValidBody, ValidQuery, type RequestContext, schema } from '#libs/http';
import { DATASET, DATASETS, FEEDBACK_DATASET, QUARANTINE, ROWS, UPLOADS, VERSION, VERSIONS } from '../http-answers';
import { BuildFeedbackDataset } from '../feedback-datasets/build-feedback-dataset';
import { UploadDataset } from '../uploads/upload-dataset';
import type { Caller } from './caller';
import { CreateDataset } from './create-dataset';
import { BuildFeedbackBody, CreateDatasetBody, DeleteBody, PageQuery, TagsBody, UploadQuery } from './datasets.dto';
import { DatasetReads } from './dataset-reads';
import { datasetToProto, uploadToProto, versionToProto } from './datasets.proto';
import { DeleteDatasetVersion } from './delete-dataset-version';
import { TagDatasetVersion } from './tag-dataset-version';

function callerOf(ctx: RequestContext): Caller {
  return { workspace: ctx.workspace, subject: ctx.principal.subject };
}

const datasetJson = (dataset: Parameters<typeof datasetToProto>[0]) => ingestion.Dataset.toJSON(datasetToProto(dataset));
const versionJson = (version: Parameters<typeof versionToProto>[0]) => ingestion.DatasetVersion.toJSON(versionToProto(version));

/** Datasets and versions over HTTP: the same use cases as the gRPC door, answers in proto3 JSON. */
@Controller('api/v1')
export class DatasetsHttp {
  constructor(
    private readonly reads: DatasetReads,
    private readonly create: CreateDataset,
    private readonly upload: UploadDataset,
    private readonly tag: TagDatasetVersion,
    private readonly remove: DeleteDatasetVersion,
    private readonly buildFeedback: BuildFeedbackDataset,
  ) {}

  @Answers('Make a dataset', DATASET)
  @Post('datasets')
  async createDataset(@Ctx() ctx: RequestContext, @ValidBody(CreateDatasetBody) body: CreateDatasetBody) {
    const input = { name: body.name, description: body.description ?? '', requestId: body.requestId ?? '' };
    return datasetJson(await this.create.execute(callerOf(ctx), input));
  }

  @Answers('Datasets by name', DATASETS)
  @Get('datasets')
  async listDatasets(@Ctx() ctx: RequestContext, @ValidQuery(PageQuery) query: PageQuery) {
    const page = await this.reads.listDatasets.execute(callerOf(ctx), query);
    return { items: page.items.map(datasetJson), nextPageToken: page.nextPageToken };
  }

  @Answers('One dataset', DATASET)
  @Get('datasets/:dataset')
  async getDataset(@Ctx() ctx: RequestContext, @Param('dataset') dataset: string) {
    return datasetJson(await this.reads.getDataset.execute(callerOf(ctx), dataset));
  }

  @Answers('Versions of a dataset, newest first', VERSIONS)
  @Get('datasets/:dataset/versions')
  async listVersions(@Ctx() ctx: RequestContext, @Param('dataset') dataset: string, @ValidQuery(PageQuery) query: PageQuery) {
    const page = await this.reads.listVersions.execute(callerOf(ctx), dataset, query);
    return { items: page.items.map(versionJson), nextPageToken: page.nextPageToken };
  }

  /** Body: the raw bytes of the file (any content type but JSON, such as application/x-ndjson or text/csv). */
  @Answers('Upload a file as the next version', VERSION, {
    bodyTypes: ['application/x-ndjson', 'text/csv', 'application/octet-stream'],
  })
  @Post('datasets/:dataset/versions')
  async uploadVersion(
    @Ctx() ctx: RequestContext,
    @Param('dataset') dataset: string,
    @ValidQuery(UploadQuery) query: UploadQuery,
    @RawBodyStream() body: Readable,
  ) {
    const header = {
      dataset,
      format: query.format,
      kind: 'raw' as const,
      parentVersionIds: [],
      producedBy: query.producedBy ?? '',
      tags: {},
      requestId: query.requestId ?? '',
      sha256: query.sha256 ?? '',
      keepRowIds: false,
      columns: parseColumns(query.columns),
    };
    return versionJson(await this.upload.execute(callerOf(ctx), header, body));
  }

  @Answers('One dataset version', VERSION)
  @Get('dataset-versions/:version')
  async getVersion(@Ctx() ctx: RequestContext, @Param('version') version: string) {
    return versionJson(await this.reads.getVersion.execute(callerOf(ctx), version));
  }

  @Answers('Rows of a version', ROWS)
  @Get('dataset-versions/:version/rows')
  async listRows(@Ctx() ctx: RequestContext, @Param('version') version: string, @ValidQuery(PageQuery) query: PageQuery) {
    const page = await this.reads.listLines.execute(callerOf(ctx), version, { ...query, part: 'rows' });
    // The row travels as text, so that its 64-bit integers reach the client with all their digits.
    return { items: page.items, nextPageToken: page.nextPageToken };
  }

  @Answers('Lines that were refused, with the reason of each', QUARANTINE)
  @Get('dataset-versions/:version/quarantine')
  async listQuarantine(@Ctx() ctx: RequestContext, @Param('version') version: string, @ValidQuery(PageQuery) query: PageQuery) {
    const page = await this.reads.listLines.execute(callerOf(ctx), version, { ...query, part: 'quarantine' });
    return { items: page.items.map((line) => JSON.parse(line.json) as unknown), nextPageToken: page.nextPageToken };
  }

  @Answers('All rows of a version as JSON lines', schema.text, { contentType: 'application/x-ndjson' })
  @Get('dataset-versions/:version/export')
  async export(@Ctx() ctx: RequestContext, @Param('version') reference: string, @Res() reply: FastifyReply): Promise<void> {
    const { version, bytes } = await this.reads.exportVersion.execute(callerOf(ctx), reference);
    const file = `${version.datasetName}-v${version.version}.jsonl`;
    await reply
      .header('content-type', 'application/x-ndjson')
      .header('content-disposition', `attachment; filename="${file}"`)
      .header('x-millrace-content-digest', version.contentDigest)
      .send(Readable.from(bytes));
  }

  @Answers('Replace the tags of a version', VERSION)
  @Put('dataset-versions/:version/tags')
  async setTags(@Ctx() ctx: RequestContext, @Param('version') version: string, @ValidBody(TagsBody) body: TagsBody) {
    const input = { version, tags: body.tags, etag: body.etag ?? '', requestId: body.requestId ?? '' };
    return versionJson(await this.tag.execute(callerOf(ctx), input));
  }

  @Answers('Delete a version; its record stays', VERSION)
  @Delete('dataset-versions/:version')
  async deleteVersion(@Ctx() ctx: RequestContext, @Param('version') version: string, @ValidBody(DeleteBody) body: DeleteBody) {
    const input = { version, reason: body.reason, requestId: body.requestId ?? '' };
    return versionJson(await this.remove.execute(callerOf(ctx), input));
  }

  @Answers('Uploads, newest first', UPLOADS)
  @Get('uploads')
  async listUploads(@Ctx() ctx: RequestContext, @ValidQuery(PageQuery) query: PageQuery) {
    const page = await this.reads.listUploads.execute(callerOf(ctx), query);
    return {
      items: page.items.map((upload) => ingestion.Upload.toJSON(uploadToProto(upload))),
      nextPageToken: page.nextPageToken,
    };
  }

  @Answers('Make a dataset version out of feedback', FEEDBACK_DATASET)
  @Post('feedback-datasets')
  @HttpCode(201)
  @Requires('editor')
  async buildFeedbackDataset(@Ctx() ctx: RequestContext, @ValidBody(BuildFeedbackBody) body: BuildFeedbackBody) {
    if (body.source === 'retracted') requireRole(ctx.principal, ctx.workspace, 'admin');
    const built = await this.buildFeedback.execute(callerOf(ctx), {
      dataset: body.dataset,
      modelName: body.modelName,
      source: body.source ?? 'accepted',
      rowsPerRaterMax: body.rowsPerRaterMax ?? 0,
      sinceTime: body.sinceTime ? new Date(body.sinceTime) : undefined,
      reason: body.reason ?? '',
      tags: body.tags ?? {},
      requestId: body.requestId ?? '',
    });
    return { version: versionJson(built.version), leftOut: built.leftOut };
  }
}

/** Reads `a:string,b:number`. */
function parseColumns(text: string | undefined): Record<string, string> {
  if (!text) return {};
  const columns: Record<string, string> = {};
  for (const part of text.split(',')) {
    const colon = part.lastIndexOf(':');
    if (colon <= 0) throw invalidFields({ field: 'columns', message: `${JSON.stringify(part)} is not <name>:<type>` });
    columns[part.slice(0, colon).trim()] = part.slice(colon + 1).trim();
  }
  return columns;
}
