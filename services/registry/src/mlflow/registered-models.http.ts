// SPDX-License-Identifier: Apache-2.0
import { Controller, Delete, Get, HttpCode, Patch, Post } from '@nestjs/common';
import { hasCode } from '#libs/errors';
import { Answers, Ctx, ErrorFormat, type RequestContext, Requires } from '#libs/http';
import { MLFLOW } from '../http-answers';
import { SetAlias } from '../aliases/set-alias';
import { canonicalStage } from '../models/change-model-version';
import { ChangeRegisteredModel, type ModelChange } from '../models/change-registered-model';
import { CreateRegisteredModel } from '../models/create-registered-model';
import { FindModels } from '../models/find-models';
import { FindVersions } from '../models/find-versions';
import { invalidParameter } from '../registry.errors';
import { callerOf, mlflowPrefixes } from './caller-of';
import { pageBytesMax, parseVersionNumber } from './limits';
import { type MlflowRequest, type Rules } from './request';
import { MlflowBody, MlflowQuery } from './mlflow-parameters';
import { list, modelToWire, nextPage, tagsFromWire, versionToWire, type Wire } from './wire';

const name: Rules = { name: { type: 'string', required: true } };
const alias: Rules = { ...name, alias: { type: 'string', required: true } };
const latest: Rules = { ...name, stages: { type: 'strings' } };
const PAGE_MODELS_DEFAULT = 100;

/** Registered models and their aliases in MLflow's words. */
@Controller(mlflowPrefixes('registered-models'))
@ErrorFormat('mlflow')
export class MlflowRegisteredModelsHttp {
  constructor(
    private readonly createModel: CreateRegisteredModel,
    private readonly changeModel: ChangeRegisteredModel,
    private readonly setAliasTo: SetAlias,
    private readonly findModels: FindModels,
    private readonly findVersions: FindVersions,
  ) {}

  @Answers('Register a model', MLFLOW.model)
  @Post('create')
  @HttpCode(200)
  async create(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...name, tags: { type: 'array' }, description: { type: 'string' } }) fields: MlflowRequest,
  ): Promise<Wire> {
    const model = await this.createModel.execute(callerOf(ctx), {
      name: fields.string('name'),
      description: fields.has('description') ? fields.string('description') : undefined,
      tags: tagsFromWire(fields.objects('tags'), 'tags'),
    });
    return { registered_model: modelToWire({ ...model, latest: [] }) };
  }

  @Answers('Rename a model', MLFLOW.model)
  @Post('rename')
  @HttpCode(200)
  async rename(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...name, new_name: { type: 'string', required: true } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.changed(ctx, fields, { kind: 'rename', name: fields.string('new_name') }, fields.string('new_name'));
  }

  @Answers('Describe a model', MLFLOW.model)
  @Patch('update')
  async update(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...name, description: { type: 'string' } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.changed(
      ctx,
      fields,
      { kind: 'describe', description: fields.has('description') ? fields.string('description') : undefined },
      fields.string('name'),
    );
  }

  @Answers('Delete a model', MLFLOW.nothing)
  @Delete('delete')
  delete(@Ctx() ctx: RequestContext, @MlflowBody(name) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields, { kind: 'delete' });
  }

  @Answers('One model', MLFLOW.model)
  @Get('get')
  async get(@Ctx() ctx: RequestContext, @MlflowQuery(name) fields: MlflowRequest): Promise<Wire> {
    return { registered_model: modelToWire(await this.findModels.byName(ctx.workspace, fields.string('name'))) };
  }

  @Answers('Search models', MLFLOW.models)
  @Get('search')
  async search(
    @Ctx() ctx: RequestContext,
    @MlflowQuery({
      filter: { type: 'string' },
      max_results: { type: 'int' },
      order_by: { type: 'strings' },
      page_token: { type: 'string' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const page = await this.findModels.execute(ctx.workspace, {
      filter: fields.string('filter'),
      orderBy: fields.strings('order_by'),
      limit: fields.number('max_results', PAGE_MODELS_DEFAULT),
      bytesMax: pageBytesMax.mlflow,
      pageToken: fields.string('page_token'),
    });
    return { ...list('registered_models', page.models.map(modelToWire)), ...nextPage(page.nextPageToken) };
  }

  @Answers('Newest versions by stage, by a query string', MLFLOW.versions)
  @Get('get-latest-versions')
  latestByQuery(@Ctx() ctx: RequestContext, @MlflowQuery(latest) fields: MlflowRequest): Promise<Wire> {
    return this.latest(ctx, fields);
  }

  @Answers('Newest versions by stage', MLFLOW.versions)
  @Post('get-latest-versions')
  @HttpCode(200)
  @Requires('viewer')
  async latest(@Ctx() ctx: RequestContext, @MlflowBody(latest) fields: MlflowRequest): Promise<Wire> {
    const stages = fields.strings('stages').map(canonicalStage);
    const model = await this.findModels.byName(ctx.workspace, fields.string('name'));
    const versions = model.latest.filter((version) => stages.length === 0 || stages.includes(version.stage));
    return list('model_versions', versions.map(versionToWire));
  }

  @Answers('Set a tag of a model', MLFLOW.nothing)
  @Post('set-tag')
  @HttpCode(200)
  setTag(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...name, key: { type: 'string', required: true }, value: { type: 'string' } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.change(ctx, fields, { kind: 'set-tag', tag: { key: fields.string('key'), value: fields.string('value') } });
  }

  @Answers('Delete a tag of a model', MLFLOW.nothing)
  @Delete('delete-tag')
  deleteTag(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...name, key: { type: 'string', required: true } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.change(ctx, fields, { kind: 'delete-tag', key: fields.string('key') });
  }

  @Answers('Point an alias to a version', MLFLOW.nothing)
  @Post('alias')
  @HttpCode(200)
  async setAlias(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...alias, version: { type: 'string', required: true } }) fields: MlflowRequest,
  ): Promise<Wire> {
    const version = parseVersionNumber(fields.string('version'));
    await this.setAliasTo.execute(callerOf(ctx), { modelName: fields.string('name'), alias: fields.string('alias'), version });
    return {};
  }

  @Answers('Delete an alias', MLFLOW.nothing)
  @Delete('alias')
  async deleteAlias(@Ctx() ctx: RequestContext, @MlflowBody(alias) fields: MlflowRequest): Promise<Wire> {
    await this.setAliasTo.execute(callerOf(ctx), { modelName: fields.string('name'), alias: fields.string('alias') });
    return {};
  }

  @Answers('The version that an alias points to', MLFLOW.version)
  @Get('alias')
  async getByAlias(@Ctx() ctx: RequestContext, @MlflowQuery(alias) fields: MlflowRequest): Promise<Wire> {
    try {
      const version = await this.findVersions.byAlias(ctx.workspace, fields.string('name'), fields.string('alias'));
      return { model_version: versionToWire(version) };
    } catch (error) {
      // The stock server calls a missing alias an invalid parameter, and clients rely on that.
      if (hasCode(error, 'REGISTRY.ALIAS_NOT_FOUND')) throw invalidParameter((error as Error).message);
      throw error;
    }
  }

  private async change(ctx: RequestContext, fields: MlflowRequest, change: ModelChange): Promise<Wire> {
    await this.changeModel.execute(callerOf(ctx), fields.string('name'), change);
    return {};
  }

  private async changed(ctx: RequestContext, fields: MlflowRequest, change: ModelChange, newName: string): Promise<Wire> {
    await this.change(ctx, fields, change);
    return { registered_model: modelToWire(await this.findModels.byName(ctx.workspace, newName)) };
  }
}
