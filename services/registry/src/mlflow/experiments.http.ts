// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { Ctx, ErrorFormat, type RequestContext, Requires } from '#libs/http';
import { ChangeExperiment, type ExperimentChange } from '../experiments/change-experiment';
import { CreateExperiment } from '../experiments/create-experiment';
import type { ViewType } from '../experiments/experiment';
import { FindExperiments } from '../experiments/find-experiments';
import { callerOf, mlflowPrefixes, type MlflowHttpRequest, VIEW_TYPES } from './caller-of';
import { parseMlflowRequest, type Rules } from './request';
import { experimentToWire, list, nextPage, tagsFromWire, type Wire } from './wire';

const id: Rules = { experiment_id: { type: 'string', required: true } };
const search: Rules = {
  max_results: { type: 'int' },
  page_token: { type: 'string' },
  filter: { type: 'string' },
  order_by: { type: 'strings' },
  view_type: { type: 'enum', names: VIEW_TYPES },
};

/** Experiments in MLflow's words. */
@Controller(mlflowPrefixes('experiments'))
@ErrorFormat('mlflow')
export class MlflowExperimentsHttp {
  constructor(
    private readonly createExperiment: CreateExperiment,
    private readonly changeExperiment: ChangeExperiment,
    private readonly findExperiments: FindExperiments,
  ) {}

  @Post('create')
  @HttpCode(200)
  async create(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    const fields = parseMlflowRequest(request, {
      name: { type: 'string', required: true },
      artifact_location: { type: 'string' },
      tags: { type: 'array' },
    });
    const experiment = await this.createExperiment.execute(callerOf(ctx), {
      name: fields.string('name'),
      artifactLocation: fields.string('artifact_location'),
      tags: tagsFromWire(fields.objects('tags'), 'tags'),
    });
    return { experiment_id: experiment.id };
  }

  @Get('get')
  async get(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    const fields = parseMlflowRequest({ query: request.query }, id);
    const experiment = await this.findExperiments.byId(ctx.workspace, fields.string('experiment_id'));
    return { experiment: experimentToWire(experiment, ctx.workspace) };
  }

  @Get('get-by-name')
  async getByName(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    const fields = parseMlflowRequest({ query: request.query }, { experiment_name: { type: 'string', required: true } });
    const experiment = await this.findExperiments.byName(ctx.workspace, fields.string('experiment_name'));
    return { experiment: experimentToWire(experiment, ctx.workspace) };
  }

  @Get('search')
  searchByQuery(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    return this.search(ctx, { query: request.query });
  }

  @Post('search')
  @HttpCode(200)
  @Requires('viewer')
  async search(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    const fields = parseMlflowRequest(request, search);
    const page = await this.findExperiments.execute(ctx.workspace, {
      view: (fields.string('view_type') || 'ACTIVE_ONLY') as ViewType,
      filter: fields.string('filter'),
      orderBy: fields.strings('order_by'),
      limit: fields.number('max_results'),
      pageToken: fields.string('page_token'),
    });
    const experiments = page.experiments.map((experiment) => experimentToWire(experiment, ctx.workspace));
    return { ...list('experiments', experiments), ...nextPage(page.nextPageToken) };
  }

  @Post('update')
  @HttpCode(200)
  async update(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    const fields = parseMlflowRequest(request, { ...id, new_name: { type: 'string', required: true } });
    return this.change(ctx, fields.string('experiment_id'), { kind: 'rename', name: fields.string('new_name') });
  }

  @Post('delete')
  @HttpCode(200)
  async delete(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    return this.change(ctx, parseMlflowRequest(request, id).string('experiment_id'), { kind: 'delete' });
  }

  @Post('restore')
  @HttpCode(200)
  async restore(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    return this.change(ctx, parseMlflowRequest(request, id).string('experiment_id'), { kind: 'restore' });
  }

  @Post('set-experiment-tag')
  @HttpCode(200)
  async setTag(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    const fields = parseMlflowRequest(request, { ...id, key: { type: 'string', required: true }, value: { type: 'string' } });
    const tag = { key: fields.string('key'), value: fields.string('value') };
    return this.change(ctx, fields.string('experiment_id'), { kind: 'set-tag', tag });
  }

  @Post('delete-experiment-tag')
  @HttpCode(200)
  async deleteTag(@Ctx() ctx: RequestContext, @Req() request: MlflowHttpRequest): Promise<Wire> {
    const fields = parseMlflowRequest(request, { ...id, key: { type: 'string', required: true } });
    return this.change(ctx, fields.string('experiment_id'), { kind: 'delete-tag', key: fields.string('key') });
  }

  private async change(ctx: RequestContext, experimentId: string, change: ExperimentChange): Promise<Wire> {
    await this.changeExperiment.execute(callerOf(ctx), experimentId, change);
    return {};
  }
}
