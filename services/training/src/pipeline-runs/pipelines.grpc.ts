// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Requires } from '#libs/auth';
import { training } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import type { Caller } from '../jobs/caller';
import { CreatePipeline, ReadPipelines, UpdatePipeline } from '../pipelines/manage-pipelines';
import { CancelPipelineRun, ForcePipelineGate } from './intervene-in-run';
import { fromProtoSpec, toProtoPipeline, toProtoRun } from './pipeline-resources';
import { ReadPipelineRuns } from './read-pipeline-runs';
import { fromProtoRunState } from './run-state-publisher';
import { StartPipelineRun } from './start-pipeline-run';

@Injectable()
@RpcController(training.PipelineServiceService)
export class PipelinesGrpc {
  constructor(
    private readonly create: CreatePipeline,
    private readonly update: UpdatePipeline,
    private readonly pipelines: ReadPipelines,
    private readonly start: StartPipelineRun,
    private readonly runs: ReadPipelineRuns,
    private readonly cancel: CancelPipelineRun,
    private readonly force: ForcePipelineGate,
  ) {}

  async createPipeline(request: training.CreatePipelineRequest, ctx: RpcContext): Promise<training.CreatePipelineResponse> {
    const { name, requestId } = request;
    const created = await this.create.execute(callerOf(ctx), { name, spec: fromProtoSpec(request.spec), requestId });
    return { pipeline: toProtoPipeline(created) };
  }

  async updatePipeline(request: training.UpdatePipelineRequest, ctx: RpcContext): Promise<training.UpdatePipelineResponse> {
    const updated = await this.update.execute(callerOf(ctx), { ...request, spec: fromProtoSpec(request.spec) });
    return { pipeline: toProtoPipeline(updated) };
  }

  async getPipeline(request: training.GetPipelineRequest, ctx: RpcContext): Promise<training.GetPipelineResponse> {
    return { pipeline: toProtoPipeline(await this.pipelines.find(ctx.workspace, request.pipeline)) };
  }

  async listPipelines(request: training.ListPipelinesRequest, ctx: RpcContext): Promise<training.ListPipelinesResponse> {
    const { items, nextPageToken } = await this.pipelines.list(ctx.workspace, request);
    return { pipelines: items.map(toProtoPipeline), nextPageToken };
  }

  async startPipelineRun(request: training.StartPipelineRunRequest, ctx: RpcContext): Promise<training.StartPipelineRunResponse> {
    return { pipelineRun: toProtoRun(await this.start.execute(callerOf(ctx), request)) };
  }

  async getPipelineRun(request: training.GetPipelineRunRequest, ctx: RpcContext): Promise<training.GetPipelineRunResponse> {
    return { pipelineRun: toProtoRun(await this.runs.find(ctx.workspace, request.pipelineRunId)) };
  }

  async listPipelineRuns(request: training.ListPipelineRunsRequest, ctx: RpcContext): Promise<training.ListPipelineRunsResponse> {
    const { pipeline, proposalId } = request;
    const state = fromProtoRunState(request.state);
    const filter = { ...(pipeline ? { pipeline } : {}), ...(state ? { state } : {}), ...(proposalId ? { proposalId } : {}) };
    const { items, nextPageToken } = await this.runs.list(ctx.workspace, filter, request);
    return { pipelineRuns: items.map(toProtoRun), nextPageToken };
  }

  async cancelPipelineRun(
    request: training.CancelPipelineRunRequest,
    ctx: RpcContext,
  ): Promise<training.CancelPipelineRunResponse> {
    return { pipelineRun: toProtoRun(await this.cancel.execute(callerOf(ctx), request)) };
  }

  @Requires('approver')
  async forcePipelineGate(
    request: training.ForcePipelineGateRequest,
    ctx: RpcContext,
  ): Promise<training.ForcePipelineGateResponse> {
    return { pipelineRun: toProtoRun(await this.force.execute(callerOf(ctx), request)) };
  }
}

const callerOf = (ctx: RpcContext): Caller => ({ workspace: ctx.workspace, subject: ctx.principal.subject });
