// SPDX-License-Identifier: Apache-2.0
import { Controller, Delete, Get, HttpCode, Patch, Post } from '@nestjs/common';
import { Answers, Ctx, ErrorFormat, type RequestContext } from '#libs/http';
import { MLFLOW } from '../http-answers';
import { ChangeModelVersion, type VersionChange } from '../models/change-model-version';
import { FindVersions } from '../models/find-versions';
import { RegisterModelVersion } from '../models/register-model-version';
import { callerOf, mlflowPrefixes } from './caller-of';
import { pageBytesMax, parseVersionNumber } from './limits';
import { type MlflowRequest, type Rules } from './request';
import { MlflowBody, MlflowQuery } from './mlflow-parameters';
import { list, nextPage, tagsFromWire, versionToWire, type Wire } from './wire';

const id: Rules = { name: { type: 'string', required: true }, version: { type: 'string', required: true } };
const key: Rules = { key: { type: 'string', required: true } };
const PAGE_VERSIONS_DEFAULT = 10_000;

/** Model versions in MLflow's words. */
@Controller(mlflowPrefixes('model-versions'))
@ErrorFormat('mlflow')
export class MlflowModelVersionsHttp {
  constructor(
    private readonly registerVersion: RegisterModelVersion,
    private readonly changeVersion: ChangeModelVersion,
    private readonly findVersions: FindVersions,
  ) {}

  @Answers('Register a version', MLFLOW.version)
  @Post('create')
  @HttpCode(200)
  async create(
    @Ctx() ctx: RequestContext,
    @MlflowBody({
      name: { type: 'string', required: true },
      source: { type: 'string', required: true },
      run_id: { type: 'string' },
      tags: { type: 'array' },
      run_link: { type: 'string' },
      description: { type: 'string' },
      model_id: { type: 'string' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const version = await this.registerVersion.execute(callerOf(ctx), {
      modelName: fields.string('name'),
      source: fields.string('source'),
      runId: fields.string('run_id'),
      tags: tagsFromWire(fields.objects('tags'), 'tags'),
      runLink: fields.string('run_link'),
      description: fields.string('description'),
      modelId: fields.string('model_id'),
    });
    return { model_version: versionToWire(version) };
  }

  @Answers('Describe a version', MLFLOW.version)
  @Patch('update')
  async update(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...id, description: { type: 'string' } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.change(ctx, fields, { kind: 'describe', description: fields.string('description') }, 'version');
  }

  @Answers('Move a version to a stage', MLFLOW.version)
  @Post('transition-stage')
  @HttpCode(200)
  async transitionStage(
    @Ctx() ctx: RequestContext,
    @MlflowBody({
      ...id,
      stage: { type: 'string', required: true },
      archive_existing_versions: { type: 'bool' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const archiveOthers = fields.bool('archive_existing_versions');
    return this.change(ctx, fields, { kind: 'stage', stage: fields.string('stage'), archiveOthers }, 'version');
  }

  @Answers('Delete a version', MLFLOW.nothing)
  @Delete('delete')
  delete(@Ctx() ctx: RequestContext, @MlflowBody(id) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields, { kind: 'delete' });
  }

  @Answers('One version', MLFLOW.version)
  @Get('get')
  async get(@Ctx() ctx: RequestContext, @MlflowQuery(id) fields: MlflowRequest): Promise<Wire> {
    return { model_version: versionToWire(await this.find(ctx, fields)) };
  }

  @Answers('Where the files of a version are', MLFLOW.artifactUri)
  @Get('get-download-uri')
  async downloadUri(@Ctx() ctx: RequestContext, @MlflowQuery(id) fields: MlflowRequest): Promise<Wire> {
    return { artifact_uri: (await this.find(ctx, fields)).storageLocation };
  }

  @Answers('Search versions', MLFLOW.versions)
  @Get('search')
  async search(
    @Ctx() ctx: RequestContext,
    @MlflowQuery({
      filter: { type: 'string' },
      max_results: { type: 'int', max: 200_000 },
      order_by: { type: 'strings' },
      page_token: { type: 'string' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const page = await this.findVersions.execute(ctx.workspace, {
      filter: fields.string('filter'),
      orderBy: fields.strings('order_by'),
      limit: fields.number('max_results', PAGE_VERSIONS_DEFAULT),
      bytesMax: pageBytesMax.mlflow,
      pageToken: fields.string('page_token'),
    });
    return { ...list('model_versions', page.versions.map(versionToWire)), ...nextPage(page.nextPageToken) };
  }

  @Answers('Set a tag of a version', MLFLOW.nothing)
  @Post('set-tag')
  @HttpCode(200)
  setTag(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...id, ...key, value: { type: 'string' } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.change(ctx, fields, { kind: 'set-tag', tag: { key: fields.string('key'), value: fields.string('value') } });
  }

  @Answers('Delete a tag of a version', MLFLOW.nothing)
  @Delete('delete-tag')
  deleteTag(@Ctx() ctx: RequestContext, @MlflowBody({ ...id, ...key }) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields, { kind: 'delete-tag', key: fields.string('key') });
  }

  private find(ctx: RequestContext, fields: MlflowRequest): ReturnType<FindVersions['byNumber']> {
    return this.findVersions.byNumber(ctx.workspace, fields.string('name'), parseVersionNumber(fields.string('version')));
  }

  private async change(ctx: RequestContext, fields: MlflowRequest, change: VersionChange, answer?: 'version'): Promise<Wire> {
    const at = { name: fields.string('name'), version: parseVersionNumber(fields.string('version')) };
    const version = await this.changeVersion.execute(callerOf(ctx), at, change);
    return answer && version ? { model_version: versionToWire(version) } : {};
  }
}
