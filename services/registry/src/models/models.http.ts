// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { Answers, Ctx, type RequestContext, ValidBody, ValidQuery } from '#libs/http';
import type { registry } from '#libs/contracts';
import { MODEL, MODELS, VERSION, VERSIONS } from '../http-answers';
import { parseVersionNumber } from '../mlflow/limits';
import { BrowseModels } from './browse-models';
import { CreateRegisteredModel } from './create-registered-model';
import { modelToProto, versionToProto } from './models.mapping';
import { CreateModelBody, PageQuery } from './models.dto';

interface List<T> {
  items: T[];
  nextPageToken: string;
}

/** Registered models and versions, with lineage and evaluations. */
@Controller('api/v1/models')
export class ModelsHttp {
  constructor(
    private readonly browse: BrowseModels,
    private readonly createModel: CreateRegisteredModel,
  ) {}

  @Answers('Registered models by name', MODELS)
  @Get()
  async list(@Ctx() ctx: RequestContext, @ValidQuery(PageQuery) query: PageQuery): Promise<List<registry.RegisteredModel>> {
    const { models, nextPageToken } = await this.browse.models(ctx.workspace, query);
    return { items: models.map(modelToProto), nextPageToken };
  }

  @Answers('Register a model', MODEL)
  @Post()
  @HttpCode(201)
  async create(@Ctx() ctx: RequestContext, @ValidBody(CreateModelBody) body: CreateModelBody): Promise<registry.RegisteredModel> {
    const caller = { workspace: ctx.workspace, actor: ctx.principal.subject };
    return modelToProto(await this.createModel.execute(caller, body));
  }

  @Answers('One registered model', MODEL)
  @Get(':name')
  async get(@Ctx() ctx: RequestContext, @Param('name') name: string): Promise<registry.RegisteredModel> {
    return modelToProto(await this.browse.model(ctx.workspace, name));
  }

  @Answers('Versions of a model, newest first', VERSIONS)
  @Get(':name/versions')
  async versions(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
    @ValidQuery(PageQuery) query: PageQuery,
  ): Promise<List<registry.ModelVersion>> {
    const { versions, nextPageToken } = await this.browse.versions(ctx.workspace, name, query);
    return { items: versions.map(versionToProto), nextPageToken };
  }

  @Answers('One version with lineage and evaluations', VERSION)
  @Get(':name/versions/:version')
  async version(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
    @Param('version') version: string,
  ): Promise<registry.ModelVersion> {
    return versionToProto(await this.browse.version(ctx.workspace, name, parseVersionNumber(version)));
  }
}
