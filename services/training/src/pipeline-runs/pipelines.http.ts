// SPDX-License-Identifier: Apache-2.0
import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { Answers, Ctx, type RequestContext, Requires, ValidBody, ValidQuery } from '#libs/http';
import { PIPELINE, PIPELINES, PIPELINE_BODY, PIPELINE_RUN, PIPELINE_RUNS, REPLACE_BODY, START_BODY } from '../http-answers';
import type { JobViolation } from '../jobs/failure';
import { callerOf, PageQuery, ReasonBody, splitBody } from '../jobs/http-fields';
import { specInvalid } from '../jobs/jobs.errors';
import { refuseUnknown } from '../jobs/spec-fields';
import { CreatePipeline, ReadPipelines, UpdatePipeline } from '../pipelines/manage-pipelines';
import type { PipelineSpecInput } from '../pipelines/pipeline';
import { CancelPipelineRun, ForcePipelineGate } from './intervene-in-run';
import { type RunState, runStates } from './pipeline-run';
import { viewPipeline, viewRun } from './pipeline-views';
import { ReadPipelineRuns } from './read-pipeline-runs';
import { StartPipelineRun } from './start-pipeline-run';

class RunListQuery extends PageQuery {
  /** Id or name. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  pipeline?: string;

  @IsOptional()
  @IsIn(runStates)
  state?: RunState;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  proposalId?: string;
}

@Controller('api/v1/pipelines')
@Requires('viewer')
export class PipelinesHttp {
  constructor(
    private readonly create: CreatePipeline,
    private readonly update: UpdatePipeline,
    private readonly read: ReadPipelines,
    private readonly start: StartPipelineRun,
  ) {}

  /** Body: `{name, spec: {...}, requestId?}`. */
  @Answers('Make a pipeline', PIPELINE, { body: PIPELINE_BODY })
  @Post()
  @Requires('editor')
  async createPipeline(@Body() body: unknown, @Ctx() ctx: RequestContext) {
    const { fields, requestId } = splitBody(body);
    refuseOthers(fields, ['name', 'spec']);
    return viewPipeline(await this.create.execute(callerOf(ctx), { name: fields.name, spec: readSpec(fields.spec), requestId }));
  }

  /** Body: `{spec: {...}, etag?, requestId?}`. */
  @Answers('Replace the policy of a pipeline', PIPELINE, { body: REPLACE_BODY })
  @Put(':pipeline')
  @Requires('editor')
  async replace(@Param('pipeline') pipeline: string, @Body() body: unknown, @Ctx() ctx: RequestContext) {
    const { fields, requestId } = splitBody(body);
    refuseOthers(fields, ['spec', 'etag']);
    const { etag = '' } = fields;
    if (typeof etag !== 'string') throw specInvalid([{ field: 'etag', message: 'must be text' }]);
    return viewPipeline(await this.update.execute(callerOf(ctx), { pipeline, spec: readSpec(fields.spec), etag, requestId }));
  }

  @Answers('Pipelines by name', PIPELINES)
  @Get()
  async list(@ValidQuery(PageQuery) query: PageQuery, @Ctx() ctx: RequestContext) {
    const { items, nextPageToken } = await this.read.list(ctx.workspace, query);
    return { items: items.map(viewPipeline), nextPageToken };
  }

  @Answers('One pipeline, by id or name', PIPELINE)
  @Get(':pipeline')
  async get(@Param('pipeline') pipeline: string, @Ctx() ctx: RequestContext) {
    return viewPipeline(await this.read.find(ctx.workspace, pipeline));
  }

  /** Body: `{useFeedback?, trainDatasetVersionIds?, trainPromptTemplate?, hyperparameters?, proposalId?, reason?, requestId?}`. */
  @Answers('Start a run of a pipeline', PIPELINE_RUN, { body: START_BODY, bodyRequired: false })
  @Post(':pipeline/runs')
  @Requires('editor')
  async startRun(@Param('pipeline') pipeline: string, @Body() body: unknown, @Ctx() ctx: RequestContext) {
    const { fields, requestId } = splitBody(body ?? {});
    refuseOthers(fields, [
      'useFeedback',
      'trainDatasetVersionIds',
      'trainPromptTemplate',
      'hyperparameters',
      'proposalId',
      'reason',
    ]);
    return viewRun(await this.start.execute(callerOf(ctx), { ...fields, pipeline, requestId }));
  }
}

@Controller('api/v1/pipeline-runs')
@Requires('viewer')
export class PipelineRunsHttp {
  constructor(
    private readonly read: ReadPipelineRuns,
    private readonly cancelRun: CancelPipelineRun,
    private readonly force: ForcePipelineGate,
  ) {}

  @Answers('Pipeline runs, newest first', PIPELINE_RUNS)
  @Get()
  async list(@ValidQuery(RunListQuery) query: RunListQuery, @Ctx() ctx: RequestContext) {
    const { pipeline, state, proposalId } = query;
    const filter = { ...(pipeline ? { pipeline } : {}), ...(state ? { state } : {}), ...(proposalId ? { proposalId } : {}) };
    const { items, nextPageToken } = await this.read.list(ctx.workspace, filter, query);
    return { items: items.map(viewRun), nextPageToken };
  }

  @Answers('One pipeline run', PIPELINE_RUN)
  @Get(':id')
  async get(@Param('id') id: string, @Ctx() ctx: RequestContext) {
    return viewRun(await this.read.find(ctx.workspace, id));
  }

  @Answers('Cancel a pipeline run', PIPELINE_RUN)
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('editor')
  async cancel(@Param('id') pipelineRunId: string, @ValidBody(ReasonBody) body: ReasonBody, @Ctx() ctx: RequestContext) {
    const { reason = '', requestId = '' } = body;
    return viewRun(await this.cancelRun.execute(callerOf(ctx), { pipelineRunId, reason, requestId }));
  }

  @Answers('Let a run pass its gate although evidence is bad', PIPELINE_RUN)
  @Post(':id/force-gate')
  @HttpCode(200)
  @Requires('approver')
  async forceGate(@Param('id') pipelineRunId: string, @ValidBody(ReasonBody) body: ReasonBody, @Ctx() ctx: RequestContext) {
    const { reason = '', requestId = '' } = body;
    return viewRun(await this.force.execute(callerOf(ctx), { pipelineRunId, reason, requestId }));
  }
}

function readSpec(given: unknown): PipelineSpecInput {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given;
  throw specInvalid([{ field: 'spec', message: 'must be an object' }]);
}

function refuseOthers(fields: object, known: readonly string[]): void {
  const violations: JobViolation[] = [];
  refuseUnknown(fields, known, '', violations);
  if (violations.length > 0) throw specInvalid(violations);
}
