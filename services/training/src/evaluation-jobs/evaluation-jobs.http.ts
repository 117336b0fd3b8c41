// SPDX-License-Identifier: Apache-2.0
import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { Answers, Ctx, type RequestContext, Requires, ValidBody, ValidQuery } from '#libs/http';
import { COMPARISON, EVALUATION_BODY, EVALUATION_JOB, EVALUATION_JOBS, EVALUATION_JOB_DETAIL, JOB_EVENTS } from '../http-answers';
import { CancelJob } from '../jobs/cancel-job';
import { callerOf, JobListQuery, PageQuery, ReasonBody, splitBody } from '../jobs/http-fields';
import { viewAttempt, viewEvaluationJob, viewEvent } from '../jobs/job-views';
import { ReadJobs } from '../jobs/read-jobs';
import { CompareEvaluationJobs } from './compare-evaluation-jobs';
import { CreateEvaluationJob } from './create-evaluation-job';

class EvaluationListQuery extends JobListQuery {
  @IsOptional()
  @IsString()
  @MaxLength(64)
  modelManifestDigest?: string;
}

class ControlQuery {
  /** Evaluation job that the one in the path is compared with. */
  @IsString()
  @MaxLength(100)
  control: string;
}

@Controller('api/v1/evaluation-jobs')
@Requires('viewer')
export class EvaluationJobsHttp {
  constructor(
    private readonly create: CreateEvaluationJob,
    private readonly cancelJob: CancelJob,
    private readonly read: ReadJobs,
    private readonly compareJobs: CompareEvaluationJobs,
  ) {}

  @Answers('Score a model on dataset versions', EVALUATION_JOB, { body: EVALUATION_BODY })
  @Post()
  @Requires('editor')
  async createEvaluationJob(@Body() body: unknown, @Ctx() ctx: RequestContext) {
    const { fields, requestId } = splitBody(body);
    return viewEvaluationJob(await this.create.execute(callerOf(ctx), fields, requestId));
  }

  @Answers('Evaluation jobs, newest first', EVALUATION_JOBS)
  @Get()
  async list(@ValidQuery(EvaluationListQuery) query: EvaluationListQuery, @Ctx() ctx: RequestContext) {
    const { state, pipelineRunId, modelManifestDigest: modelDigest } = query;
    const filter = {
      kind: 'evaluation',
      ...(state ? { state } : {}),
      ...(pipelineRunId ? { pipelineRunId } : {}),
      ...(modelDigest ? { modelDigest } : {}),
    } as const;
    const { items, nextPageToken } = await this.read.list(ctx.workspace, filter, query);
    return { items: items.map(viewEvaluationJob), nextPageToken };
  }

  @Answers('One evaluation job with its attempts', EVALUATION_JOB_DETAIL)
  @Get(':id')
  async get(@Param('id') id: string, @Ctx() ctx: RequestContext) {
    const { job, attempts } = await this.read.detail(ctx.workspace, id, 'evaluation');
    return { ...viewEvaluationJob(job), attempts: attempts.map(viewAttempt) };
  }

  @Answers('What happened to an evaluation job', JOB_EVENTS)
  @Get(':id/events')
  async events(@Param('id') id: string, @ValidQuery(PageQuery) query: PageQuery, @Ctx() ctx: RequestContext) {
    await this.read.find(ctx.workspace, id, 'evaluation');
    const { items, nextPageToken } = await this.read.events({ workspace: ctx.workspace, id }, query);
    return { items: items.map(viewEvent), nextPageToken };
  }

  @Answers('Compare two evaluation jobs on the rows that both scored', COMPARISON)
  @Get(':id/comparison')
  async compare(@Param('id') id: string, @ValidQuery(ControlQuery) query: ControlQuery, @Ctx() ctx: RequestContext) {
    return { items: await this.compareJobs.execute(ctx.workspace, id, query.control) };
  }

  @Answers('Cancel an evaluation job', EVALUATION_JOB)
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('editor')
  async cancel(@Param('id') jobId: string, @ValidBody(ReasonBody) body: ReasonBody, @Ctx() ctx: RequestContext) {
    const { reason = '', requestId = '' } = body;
    return viewEvaluationJob(await this.cancelJob.execute(callerOf(ctx), { kind: 'evaluation', jobId, reason, requestId }));
  }
}
