// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { registry } from '#libs/contracts';
import { pageSize } from '#libs/persistence';
import { RpcController, type RpcContext } from '#libs/rpc';
import { pageBytesMax } from '../mlflow/limits';
import { FindRuns } from '../runs/find-runs';
import type { Metric, Run, RunStatus } from '../runs/run';
import type { Experiment, Tag } from './experiment';
import { FindExperiments } from './find-experiments';

const { grpc: bytesMax } = pageBytesMax;

/** millrace.registry.v1.ExperimentService */
@Injectable()
@RpcController(registry.ExperimentServiceService)
export class ExperimentsGrpc {
  constructor(
    private readonly experiments: FindExperiments,
    private readonly runs: FindRuns,
  ) {}

  async getExperiment(request: registry.GetExperimentRequest, ctx: RpcContext): Promise<registry.GetExperimentResponse> {
    return { experiment: experimentToProto(await this.experiments.byId(ctx.workspace, request.experimentId)) };
  }

  async listExperiments(request: registry.ListExperimentsRequest, ctx: RpcContext): Promise<registry.ListExperimentsResponse> {
    const { filter, pageToken } = request;
    const query = { view: 'ACTIVE_ONLY' as const, filter, orderBy: [], limit: pageSize(request.pageSize), bytesMax, pageToken };
    const { experiments, nextPageToken } = await this.experiments.execute(ctx.workspace, query);
    return { experiments: experiments.map(experimentToProto), nextPageToken };
  }

  async getRun(request: registry.GetRunRequest, ctx: RpcContext): Promise<registry.GetRunResponse> {
    return { run: runToProto(await this.runs.byId(ctx.workspace, request.runId)) };
  }

  async searchRuns(request: registry.SearchRunsRequest, ctx: RpcContext): Promise<registry.SearchRunsResponse> {
    const { experimentIds, filter, orderBy, pageToken } = request;
    const query = {
      experimentIds,
      view: 'ACTIVE_ONLY' as const,
      filter,
      orderBy,
      limit: pageSize(request.pageSize),
      bytesMax,
      pageToken,
    };
    const { runs, nextPageToken } = await this.runs.execute(ctx.workspace, query);
    return { runs: runs.map(runToProto), nextPageToken };
  }

  async listMetricHistory(
    request: registry.ListMetricHistoryRequest,
    ctx: RpcContext,
  ): Promise<registry.ListMetricHistoryResponse> {
    const { runId, key, pageToken } = request;
    const query = { runId, key, limit: pageSize(request.pageSize), pageToken };
    const { metrics, nextPageToken } = await this.runs.metricHistory(ctx.workspace, query);
    return { metrics: metrics.map(metricToProto), nextPageToken };
  }
}

const STATUS: Record<RunStatus, registry.RunStatus> = {
  RUNNING: registry.RunStatus.RUN_STATUS_RUNNING,
  SCHEDULED: registry.RunStatus.RUN_STATUS_SCHEDULED,
  FINISHED: registry.RunStatus.RUN_STATUS_FINISHED,
  FAILED: registry.RunStatus.RUN_STATUS_FAILED,
  KILLED: registry.RunStatus.RUN_STATUS_KILLED,
};

function experimentToProto(experiment: Experiment): registry.Experiment {
  return {
    id: experiment.id,
    name: experiment.name,
    artifactLocation: experiment.artifactLocation,
    deleted: experiment.lifecycleStage === 'deleted',
    tags: toMap(experiment.tags),
    createTime: new Date(experiment.creationMs),
    updateTime: new Date(experiment.lastUpdateMs),
  };
}

function runToProto(run: Run): registry.Run {
  return {
    id: run.id,
    experimentId: run.experimentId,
    name: run.name,
    userId: run.userId,
    status: STATUS[run.status],
    deleted: run.lifecycleStage === 'deleted',
    artifactUri: run.artifactUri,
    metrics: run.metrics.map(metricToProto),
    params: toMap(run.params),
    tags: toMap(run.tags),
    startTime: new Date(run.startMs),
    endTime: run.endMs === undefined ? undefined : new Date(run.endMs),
  };
}

function metricToProto(metric: Metric): registry.Metric {
  return { key: metric.key, value: metric.value, step: String(metric.step), time: new Date(metric.timestampMs) };
}

function toMap(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries(tags.map((tag) => [tag.key, tag.value]));
}
