// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { Answers, Ctx, ErrorFormat, type RequestContext, Requires } from '#libs/http';
import { MLFLOW } from '../http-answers';
import { ChangeExperiment, type ExperimentChange } from '../experiments/change-experiment';
import { CreateExperiment } from '../experiments/create-experiment';
import type { ViewType } from '../experiments/experiment';
import { FindExperiments } from '../experiments/find-experiments';
import { callerOf, mlflowPrefixes, VIEW_TYPES } from './caller-of';
import { type MlflowRequest, type Rules } from './request';
import { pageBytesMax } from './limits';
import { MlflowBody, MlflowQuery } from './mlflow-parameters';
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

  @Answers('Make an experiment', MLFLOW.experimentId)
  @Post('create')
  @HttpCode(200)
  async create(
    @Ctx() ctx: RequestContext,
    @MlflowBody({
      name: { type: 'string', required: true },
      artifact_location: { type: 'string' },
      tags: { type: 'array' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const experiment = await this.createExperiment.execute(callerOf(ctx), {
      name: fields.string('name'),
      artifactLocation: fields.string('artifact_location'),
      tags: tagsFromWire(fields.objects('tags'), 'tags'),
    });
    return { experiment_id: experiment.id };
  }

  @Answers('One experiment', MLFLOW.experiment)
  @Get('get')
  async get(@Ctx() ctx: RequestContext, @MlflowQuery(id) fields: MlflowRequest): Promise<Wire> {
    const experiment = await this.findExperiments.byId(ctx.workspace, fields.string('experiment_id'));
    return { experiment: experimentToWire(experiment, ctx.workspace) };
  }

  @Answers('One experiment by its name', MLFLOW.experiment)
  @Get('get-by-name')
  async getByName(
    @Ctx() ctx: RequestContext,
    @MlflowQuery({ experiment_name: { type: 'string', required: true } }) fields: MlflowRequest,
  ): Promise<Wire> {
    const experiment = await this.findExperiments.byName(ctx.workspace, fields.string('experiment_name'));
    return { experiment: experimentToWire(experiment, ctx.workspace) };
  }

  @Answers('Search experiments by a query string', MLFLOW.experiments)
  @Get('search')
  searchByQuery(@Ctx() ctx: RequestContext, @MlflowQuery(search) fields: MlflowRequest): Promise<Wire> {
    return this.search(ctx, fields);
  }

  @Answers('Search experiments', MLFLOW.experiments)
  @Post('search')
  @HttpCode(200)
  @Requires('viewer')
  async search(@Ctx() ctx: RequestContext, @MlflowBody(search) fields: MlflowRequest): Promise<Wire> {
    const page = await this.findExperiments.execute(ctx.workspace, {
      view: (fields.string('view_type') || 'ACTIVE_ONLY') as ViewType,
      filter: fields.string('filter'),
      orderBy: fields.strings('order_by'),
      limit: fields.number('max_results'),
      bytesMax: pageBytesMax.mlflow,
      pageToken: fields.string('page_token'),
    });
    const experiments = page.experiments.map((experiment) => experimentToWire(experiment, ctx.workspace));
    return { ...list('experiments', experiments), ...nextPage(page.nextPageToken) };
  }

  @Answers('Rename an experiment', MLFLOW.nothing)
  @Post('update')
  @HttpCode(200)
  async update(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...id, new_name: { type: 'string', required: true } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.change(ctx, fields.string('experiment_id'), { kind: 'rename', name: fields.string('new_name') });
  }

  @Answers('Delete an experiment', MLFLOW.nothing)
  @Post('delete')
  @HttpCode(200)
  async delete(@Ctx() ctx: RequestContext, @MlflowBody(id) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields.string('experiment_id'), { kind: 'delete' });
  }

  @Answers('Restore an experiment', MLFLOW.nothing)
  @Post('restore')
  @HttpCode(200)
  async restore(@Ctx() ctx: RequestContext, @MlflowBody(id) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields.string('experiment_id'), { kind: 'restore' });
  }

  @Answers('Set a tag of an experiment', MLFLOW.nothing)
  @Post('set-experiment-tag')
  @HttpCode(200)
  async setTag(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...id, key: { type: 'string', required: true }, value: { type: 'string' } }) fields: MlflowRequest,
  ): Promise<Wire> {
    const tag = { key: fields.string('key'), value: fields.string('value') };
    return this.change(ctx, fields.string('experiment_id'), { kind: 'set-tag', tag });
  }

  @Answers('Delete a tag of an experiment', MLFLOW.nothing)
  @Post('delete-experiment-tag')
  @HttpCode(200)
  async deleteTag(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...id, key: { type: 'string', required: true } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.change(ctx, fields.string('experiment_id'), { kind: 'delete-tag', key: fields.string('key') });
  }

  private async change(ctx: RequestContext, experimentId: string, change: ExperimentChange): Promise<Wire> {
    await this.changeExperiment.execute(callerOf(ctx), experimentId, change);
    return {};
  }
}
