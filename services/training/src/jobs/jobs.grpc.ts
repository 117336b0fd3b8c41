// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { training } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import { BaseModels } from '../base-models/base-models';
import { CancelJob } from './cancel-job';
import { CreateJob } from './create-job';
import { fromProtoJobState, toProtoEvent, toProtoJob, toProtoJobState } from './job-resources';
import { ReadJobs } from './read-jobs';
import { WatchJob } from './watch-job';

@Injectable()
@RpcController(training.JobServiceService)
export class JobsGrpc {
  constructor(
    private readonly create: CreateJob,
    private readonly cancel: CancelJob,
    private readonly read: ReadJobs,
    private readonly watch: WatchJob,
    private readonly baseModels: BaseModels,
  ) {}

  async createJob(request: training.CreateJobRequest, ctx: RpcContext): Promise<training.CreateJobResponse> {
    const caller = { workspace: ctx.workspace, subject: ctx.principal.subject };
    return { job: toProtoJob(await this.create.execute(caller, { ...request.spec }, request.requestId)) };
  }

  async getJob(request: training.GetJobRequest, ctx: RpcContext): Promise<training.GetJobResponse> {
    const { job, attempts, queuePosition } = await this.read.detail(ctx.workspace, request.jobId, 'fine-tune');
    return { job: toProtoJob(job, attempts, queuePosition) };
  }

  async listJobs(request: training.ListJobsRequest, ctx: RpcContext): Promise<training.ListJobsResponse> {
    const state = fromProtoJobState(request.state);
    const filter = { kind: 'fine-tune', ...(state ? { state } : {}), ...pipelineRun(request) } as const;
    const { items, nextPageToken } = await this.read.list(ctx.workspace, filter, request);
    return { jobs: items.map((job) => toProtoJob(job)), nextPageToken };
  }

  async cancelJob(request: training.CancelJobRequest, ctx: RpcContext): Promise<training.CancelJobResponse> {
    const caller = { workspace: ctx.workspace, subject: ctx.principal.subject };
    return { job: toProtoJob(await this.cancel.execute(caller, { kind: 'fine-tune', ...request })) };
  }

  async listJobEvents(request: training.ListJobEventsRequest, ctx: RpcContext): Promise<training.ListJobEventsResponse> {
    const { items, nextPageToken } = await this.read.events({ workspace: ctx.workspace, id: request.jobId }, request);
    return { events: items.map(toProtoEvent), nextPageToken };
  }

  async listCheckpoints(request: training.ListCheckpointsRequest, ctx: RpcContext): Promise<training.ListCheckpointsResponse> {
    const { items, nextPageToken } = await this.read.checkpoints({ workspace: ctx.workspace, id: request.jobId }, request);
    return { checkpoints: items.map((checkpoint) => ({ ...checkpoint, step: String(checkpoint.step) })), nextPageToken };
  }

  async *watchJob(request: training.WatchJobRequest, ctx: RpcContext): AsyncGenerator<training.WatchJobResponse> {
    const key = { workspace: ctx.workspace, id: request.jobId };
    for await (const { event, state } of this.watch.execute(key, Number(request.afterSequence), ctx.signal)) {
      yield { event: toProtoEvent(event), state: toProtoJobState(state) };
    }
  }

  async listBaseModels(_request: training.ListBaseModelsRequest, _ctx: RpcContext): Promise<training.ListBaseModelsResponse> {
    return { baseModels: await this.baseModels.list(), nextPageToken: '' };
  }
}

function pipelineRun(request: { pipelineRunId: string }): { pipelineRunId?: string } {
  return request.pipelineRunId ? { pipelineRunId: request.pipelineRunId } : {};
}
