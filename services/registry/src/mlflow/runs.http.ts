// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { Answers, Ctx, ErrorFormat, type MillraceRequest, type RequestContext, Requires } from '#libs/http';
import { MLFLOW } from '../http-answers';
import { RegistrySettings } from '../config';
import type { ViewType } from '../experiments/experiment';
import { invalidParameter } from '../registry.errors';
import { ChangeRun, type RunChange } from '../runs/change-run';
import { CreateRun } from '../runs/create-run';
import { FindRuns } from '../runs/find-runs';
import { LogToRun, type RunLog } from '../runs/log-to-run';
import { RUN_STATUSES, type RunStatus } from '../runs/run';
import { callerOf, mlflowPrefixes, VIEW_TYPES } from './caller-of';
import { type MlflowRequest, type Rules } from './request';
import { pageBytesMax } from './limits';
import { MlflowBody, MlflowQuery } from './mlflow-parameters';
import { inputsFromWire, keyedFromWire, metricsFromWire } from './run-log-request';
import { list, nextPage, runInfoToWire, runToWire, tagsFromWire, type Wire } from './wire';

const id: Rules = { run_id: { type: 'string', required: true } };
const key: Rules = { key: { type: 'string', required: true } };
const value: Rules = { value: { type: 'string' } };

/** Runs in MLflow's words. */
@Controller(mlflowPrefixes('runs'))
@ErrorFormat('mlflow')
export class MlflowRunsHttp {
  constructor(
    private readonly createRun: CreateRun,
    private readonly changeRun: ChangeRun,
    private readonly logToRun: LogToRun,
    private readonly findRuns: FindRuns,
    private readonly settings: RegistrySettings,
  ) {}

  @Answers('Start a run', MLFLOW.run)
  @Post('create')
  @HttpCode(200)
  async create(
    @Ctx() ctx: RequestContext,
    @MlflowBody({
      experiment_id: { type: 'string' },
      user_id: { type: 'string' },
      run_name: { type: 'string' },
      start_time: { type: 'int' },
      tags: { type: 'array' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const run = await this.createRun.execute(callerOf(ctx), {
      experimentId: fields.string('experiment_id'),
      userId: fields.string('user_id'),
      startMs: fields.number('start_time'),
      name: fields.string('run_name'),
      tags: tagsFromWire(fields.objects('tags'), 'tags'),
    });
    const { outputs: _none, ...created } = runToWire(run);
    return { run: created };
  }

  @Answers('One run', MLFLOW.run)
  @Get('get')
  async get(@Ctx() ctx: RequestContext, @MlflowQuery(id) fields: MlflowRequest): Promise<Wire> {
    return { run: runToWire(await this.findRuns.byId(ctx.workspace, fields.string('run_id'))) };
  }

  @Answers('Search runs', MLFLOW.runs)
  @Post('search')
  @HttpCode(200)
  @Requires('viewer')
  async search(
    @Ctx() ctx: RequestContext,
    @MlflowBody({
      experiment_ids: { type: 'strings' },
      filter: { type: 'string' },
      run_view_type: { type: 'enum', names: VIEW_TYPES },
      max_results: { type: 'int', max: 50_000 },
      order_by: { type: 'strings' },
      page_token: { type: 'string' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const page = await this.findRuns.execute(ctx.workspace, {
      experimentIds: fields.strings('experiment_ids'),
      view: (fields.string('run_view_type') || 'ACTIVE_ONLY') as ViewType,
      filter: fields.string('filter'),
      orderBy: fields.strings('order_by'),
      limit: fields.number('max_results', 1000),
      bytesMax: pageBytesMax.mlflow,
      pageToken: fields.string('page_token'),
    });
    return { ...list('runs', page.runs.map(runToWire)), ...nextPage(page.nextPageToken) };
  }

  @Answers('Change status or name of a run', MLFLOW.runInfo)
  @Post('update')
  @HttpCode(200)
  async update(
    @Ctx() ctx: RequestContext,
    @MlflowBody({
      ...id,
      status: { type: 'enum', names: RUN_STATUSES },
      end_time: { type: 'int' },
      run_name: { type: 'string' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const run = await this.changeRun.execute(callerOf(ctx), fields.string('run_id'), {
      kind: 'update',
      status: fields.has('status') ? (fields.string('status') as RunStatus) : undefined,
      endMs: fields.has('end_time') ? fields.number('end_time') : undefined,
      name: fields.string('run_name'),
    });
    return { run_info: runInfoToWire(run) };
  }

  @Answers('Delete a run', MLFLOW.nothing)
  @Post('delete')
  @HttpCode(200)
  delete(@Ctx() ctx: RequestContext, @MlflowBody(id) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields.string('run_id'), { kind: 'delete' });
  }

  @Answers('Restore a run', MLFLOW.nothing)
  @Post('restore')
  @HttpCode(200)
  restore(@Ctx() ctx: RequestContext, @MlflowBody(id) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields.string('run_id'), { kind: 'restore' });
  }

  @Answers('Delete a tag of a run', MLFLOW.nothing)
  @Post('delete-tag')
  @HttpCode(200)
  deleteTag(@Ctx() ctx: RequestContext, @MlflowBody({ ...id, ...key }) fields: MlflowRequest): Promise<Wire> {
    return this.change(ctx, fields.string('run_id'), { kind: 'delete-tag', key: fields.string('key') });
  }

  @Answers('Log one metric', MLFLOW.nothing)
  @Post('log-metric')
  @HttpCode(200)
  logMetric(
    @Ctx() ctx: RequestContext,
    @MlflowBody({
      ...id,
      ...key,
      value: { type: 'float', required: true },
      timestamp: { type: 'int', required: true },
      step: { type: 'int' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const metric = {
      key: fields.string('key'),
      value: fields.number('value'),
      timestampMs: fields.number('timestamp'),
      step: fields.number('step'),
    };
    return this.log(ctx, fields.string('run_id'), { metrics: [metric], single: true });
  }

  @Answers('Log one parameter', MLFLOW.nothing)
  @Post('log-parameter')
  @HttpCode(200)
  logParameter(@Ctx() ctx: RequestContext, @MlflowBody({ ...id, ...key, ...value }) fields: MlflowRequest): Promise<Wire> {
    return this.log(ctx, fields.string('run_id'), {
      params: [{ key: fields.string('key'), value: fields.string('value') }],
      single: true,
    });
  }

  @Answers('Set a tag of a run', MLFLOW.nothing)
  @Post('set-tag')
  @HttpCode(200)
  setTag(@Ctx() ctx: RequestContext, @MlflowBody({ ...id, ...key, ...value }) fields: MlflowRequest): Promise<Wire> {
    return this.log(ctx, fields.string('run_id'), {
      tags: [{ key: fields.string('key'), value: fields.string('value') }],
      single: true,
    });
  }

  @Answers('Log metrics, parameters and tags', MLFLOW.nothing)
  @Post('log-batch')
  @HttpCode(200)
  logBatch(
    @Ctx() ctx: RequestContext,
    @Req() request: MillraceRequest,
    @MlflowBody({
      ...id,
      metrics: { type: 'array' },
      params: { type: 'array' },
      tags: { type: 'array' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const bytes = request.rawBody?.byteLength ?? 0;
    if (bytes > this.settings.logBatchBytesMax) {
      throw invalidParameter(
        `Batched logging API requests must be at most ${this.settings.logBatchBytesMax} bytes, got a request of size ${bytes}.`,
      );
    }
    return this.log(ctx, fields.string('run_id'), {
      metrics: metricsFromWire(fields.objects('metrics')),
      params: keyedFromWire(fields.objects('params'), 'params'),
      tags: keyedFromWire(fields.objects('tags'), 'tags'),
    });
  }

  @Answers('Log datasets that a run read', MLFLOW.nothing)
  @Post('log-inputs')
  @HttpCode(200)
  logInputs(
    @Ctx() ctx: RequestContext,
    @MlflowBody({ ...id, datasets: { type: 'array' } }) fields: MlflowRequest,
  ): Promise<Wire> {
    return this.log(ctx, fields.string('run_id'), { inputs: inputsFromWire(fields.objects('datasets')) });
  }

  private async change(ctx: RequestContext, runId: string, change: RunChange): Promise<Wire> {
    await this.changeRun.execute(callerOf(ctx), runId, change);
    return {};
  }

  private async log(ctx: RequestContext, runId: string, log: RunLog): Promise<Wire> {
    await this.logToRun.execute(callerOf(ctx), runId, log);
    return {};
  }
}
