// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Requires } from '#libs/auth';
import { training } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import { CancelJob } from '../jobs/cancel-job';
import { toProtoEvaluationJob } from '../jobs/job-resources';
import { ReadJobs } from '../jobs/read-jobs';
import { CompareEvaluationJobs } from './compare-evaluation-jobs';
import { CreateEvaluationJob } from './create-evaluation-job';

@Injectable()
@RpcController(training.EvaluationJobServiceService)
export class EvaluationJobsGrpc {
  constructor(
    private readonly create: CreateEvaluationJob,
    private readonly cancel: CancelJob,
    private readonly read: ReadJobs,
    private readonly compare: CompareEvaluationJobs,
  ) {}

  async createEvaluationJob(
    request: training.CreateEvaluationJobRequest,
    ctx: RpcContext,
  ): Promise<training.CreateEvaluationJobResponse> {
    const caller = { workspace: ctx.workspace, subject: ctx.principal.subject };
    return { evaluationJob: toProtoEvaluationJob(await this.create.execute(caller, { ...request.spec }, request.requestId)) };
  }

  async getEvaluationJob(request: training.GetEvaluationJobRequest, ctx: RpcContext): Promise<training.GetEvaluationJobResponse> {
    const { job, attempts } = await this.read.detail(ctx.workspace, request.evaluationJobId, 'evaluation');
    return { evaluationJob: toProtoEvaluationJob(job, attempts) };
  }

  async listEvaluationJobs(
    request: training.ListEvaluationJobsRequest,
    ctx: RpcContext,
  ): Promise<training.ListEvaluationJobsResponse> {
    const { modelManifestDigest, pipelineRunId } = request;
    const filter = {
      kind: 'evaluation',
      ...(modelManifestDigest ? { modelDigest: modelManifestDigest } : {}),
      ...(pipelineRunId ? { pipelineRunId } : {}),
    } as const;
    const { items, nextPageToken } = await this.read.list(ctx.workspace, filter, request);
    return { evaluationJobs: items.map((job) => toProtoEvaluationJob(job)), nextPageToken };
  }

  async cancelEvaluationJob(
    request: training.CancelEvaluationJobRequest,
    ctx: RpcContext,
  ): Promise<training.CancelEvaluationJobResponse> {
    const caller = { workspace: ctx.workspace, subject: ctx.principal.subject };
    const { evaluationJobId: jobId, reason, requestId } = request;
    return {
      evaluationJob: toProtoEvaluationJob(await this.cancel.execute(caller, { kind: 'evaluation', jobId, reason, requestId })),
    };
  }

  @Requires('viewer')
  async compareEvaluationJobs(
    request: training.CompareEvaluationJobsRequest,
    ctx: RpcContext,
  ): Promise<training.CompareEvaluationJobsResponse> {
    const { candidateEvaluationJobId: candidate, controlEvaluationJobId: control } = request;
    return { comparisons: (await this.compare.execute(ctx.workspace, candidate, control)).map(toProtoComparison) };
  }
}

function toProtoComparison(comparison: Awaited<ReturnType<CompareEvaluationJobs['execute']>>[number]): training.PairedComparison {
  const { rows, candidateOnlyRight, controlOnlyRight, ...rest } = comparison;
  return {
    ...rest,
    rows: String(rows),
    candidateOnlyRight: String(candidateOnlyRight),
    controlOnlyRight: String(controlOnlyRight),
  };
}
