// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { Ctx, type RequestContext, ValidBody, ValidQuery } from '#libs/http';
import type { registry } from '#libs/contracts';
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

  @Get()
  async list(@Ctx() ctx: RequestContext, @ValidQuery(PageQuery) query: PageQuery): Promise<List<registry.RegisteredModel>> {
    const { models, nextPageToken } = await this.browse.models(ctx.workspace, query);
    return { items: models.map(modelToProto), nextPageToken };
  }

  @Post()
  @HttpCode(201)
  async create(@Ctx() ctx: RequestContext, @ValidBody(CreateModelBody) body: CreateModelBody): Promise<registry.RegisteredModel> {
    const caller = { workspace: ctx.workspace, actor: ctx.principal.subject };
    return modelToProto(await this.createModel.execute(caller, body));
  }

  @Get(':name')
  async get(@Ctx() ctx: RequestContext, @Param('name') name: string): Promise<registry.RegisteredModel> {
    return modelToProto(await this.browse.model(ctx.workspace, name));
  }

  @Get(':name/versions')
  async versions(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
    @ValidQuery(PageQuery) query: PageQuery,
  ): Promise<List<registry.ModelVersion>> {
    const { versions, nextPageToken } = await this.browse.versions(ctx.workspace, name, query);
    return { items: versions.map(versionToProto), nextPageToken };
  }

  @Get(':name/versions/:version')
  async version(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
    @Param('version') version: string,
  ): Promise<registry.ModelVersion> {
    return versionToProto(await this.browse.version(ctx.workspace, name, parseVersionNumber(version)));
  }
}
