// SPDX-License-Identifier: Apache-2.0
import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { Answers, Ctx, type RequestContext, Requires, ValidBody, ValidQuery } from '#libs/http';
import { BASE_MODELS, CHECKPOINTS, JOB, JOBS, JOB_BODY, JOB_DETAIL, JOB_EVENTS } from '../http-answers';
import { BaseModels } from '../base-models/base-models';
import { CancelJob } from './cancel-job';
import { CreateJob } from './create-job';
import { callerOf, JobListQuery, PageQuery, ReasonBody, splitBody } from './http-fields';
import { viewAttempt, viewCheckpoint, viewEvent, viewJob } from './job-views';
import { ReadJobs } from './read-jobs';

@Controller('api/v1/jobs')
@Requires('viewer')
export class JobsHttp {
  constructor(
    private readonly create: CreateJob,
    private readonly cancelJob: CancelJob,
    private readonly read: ReadJobs,
  ) {}

  @Answers('Fine-tune a model', JOB, { body: JOB_BODY })
  @Post()
  @Requires('editor')
  async createJob(@Body() body: unknown, @Ctx() ctx: RequestContext) {
    const { fields, requestId } = splitBody(body);
    return viewJob(await this.create.execute(callerOf(ctx), fields, requestId));
  }

  @Answers('Jobs, newest first', JOBS)
  @Get()
  async list(@ValidQuery(JobListQuery) query: JobListQuery, @Ctx() ctx: RequestContext) {
    const { state, pipelineRunId } = query;
    const filter = { kind: 'fine-tune', ...(state ? { state } : {}), ...(pipelineRunId ? { pipelineRunId } : {}) } as const;
    const { items, nextPageToken } = await this.read.list(ctx.workspace, filter, query);
    return { items: items.map(viewJob), nextPageToken };
  }

  @Answers('One job with its attempts and place in the queue', JOB_DETAIL)
  @Get(':id')
  async get(@Param('id') id: string, @Ctx() ctx: RequestContext) {
    const { job, attempts, queuePosition } = await this.read.detail(ctx.workspace, id, 'fine-tune');
    return { ...viewJob(job), attempts: attempts.map(viewAttempt), queuePosition };
  }

  @Answers('Cancel a job', JOB)
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('editor')
  async cancel(@Param('id') jobId: string, @ValidBody(ReasonBody) body: ReasonBody, @Ctx() ctx: RequestContext) {
    const { reason = '', requestId = '' } = body;
    return viewJob(await this.cancelJob.execute(callerOf(ctx), { kind: 'fine-tune', jobId, reason, requestId }));
  }

  @Answers('What happened to a job', JOB_EVENTS)
  @Get(':id/events')
  async events(@Param('id') id: string, @ValidQuery(PageQuery) query: PageQuery, @Ctx() ctx: RequestContext) {
    const { items, nextPageToken } = await this.read.events({ workspace: ctx.workspace, id }, query);
    return { items: items.map(viewEvent), nextPageToken };
  }

  @Answers('Checkpoints of a job', CHECKPOINTS)
  @Get(':id/checkpoints')
  async checkpoints(@Param('id') id: string, @ValidQuery(PageQuery) query: PageQuery, @Ctx() ctx: RequestContext) {
    const { items, nextPageToken } = await this.read.checkpoints({ workspace: ctx.workspace, id }, query);
    return { items: items.map(viewCheckpoint), nextPageToken };
  }
}

@Controller('api/v1/base-models')
@Requires('viewer')
export class BaseModelsHttp {
  constructor(private readonly baseModels: BaseModels) {}

  @Answers('Base models by name', BASE_MODELS)
  @Get()
  async list() {
    return { items: await this.baseModels.list(), nextPageToken: '' };
  }
}
