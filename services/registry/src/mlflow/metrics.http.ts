// SPDX-License-Identifier: Apache-2.0
import { Controller, Get } from '@nestjs/common';
import { Answers, Ctx, ErrorFormat, type RequestContext } from '#libs/http';
import { MLFLOW } from '../http-answers';
import { invalidParameter } from '../registry.errors';
import { FindRuns } from '../runs/find-runs';
import { mlflowPrefixes } from './caller-of';
import { type MlflowRequest } from './request';
import { MlflowQuery } from './mlflow-parameters';
import { list, metricToWire, nextPage, type Wire } from './wire';

const RUNS_MAX = 100;
const POINTS_MAX = 2500;
const SEE_DOCS = ' See the API docs for more information about request parameters.';

/** Histories of metrics in MLflow's words. */
@Controller(mlflowPrefixes('metrics'))
@ErrorFormat('mlflow')
export class MlflowMetricsHttp {
  constructor(private readonly findRuns: FindRuns) {}

  @Answers('History of one metric of a run', MLFLOW.metrics)
  @Get('get-history')
  async history(
    @Ctx() ctx: RequestContext,
    @MlflowQuery({
      run_id: { type: 'string', required: true },
      metric_key: { type: 'string', required: true },
      page_token: { type: 'string' },
      max_results: { type: 'int' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const page = await this.findRuns.metricHistory(ctx.workspace, {
      runId: fields.string('run_id'),
      key: fields.string('metric_key'),
      limit: fields.has('max_results') ? fields.number('max_results') : undefined,
      pageToken: fields.string('page_token'),
    });
    return { ...list('metrics', page.metrics.map(metricToWire)), ...nextPage(page.nextPageToken) };
  }

  @Answers('Sampled histories of one metric of many runs', MLFLOW.metrics)
  @Get('get-history-bulk-interval')
  async bulkInterval(
    @Ctx() ctx: RequestContext,
    @MlflowQuery({
      run_ids: { type: 'strings', required: true },
      metric_key: { type: 'string', required: true },
      start_step: { type: 'int' },
      end_step: { type: 'int' },
      max_results: { type: 'int' },
    })
    fields: MlflowRequest,
  ): Promise<Wire> {
    const runIds = fields.strings('run_ids');
    if (runIds.length > RUNS_MAX) {
      const text = `GetMetricHistoryBulkInterval request must specify at most ${RUNS_MAX} run_ids. Received ${runIds.length} run_ids.`;
      throw invalidParameter(text + SEE_DOCS);
    }
    const pointsMax = fields.number('max_results', POINTS_MAX);
    if (pointsMax < 1 || pointsMax > POINTS_MAX) {
      throw invalidParameter(`max_results must be between 1 and ${POINTS_MAX}.${SEE_DOCS}`);
    }
    if (fields.has('start_step') !== fields.has('end_step')) {
      throw invalidParameter('If either start step or end step are specified, both must be specified.');
    }
    const [first, last] = [fields.number('start_step'), fields.number('end_step')];
    if (first > last) {
      throw invalidParameter(`end_step must be greater than start_step. Found start_step=${first} and end_step=${last}.`);
    }
    const points = await this.findRuns.sampleMetrics(ctx.workspace, {
      runIds,
      key: fields.string('metric_key'),
      pointsMax,
      steps: fields.has('start_step') ? { first, last } : undefined,
    });
    return list(
      'metrics',
      points.map((point) => ({ ...metricToWire(point), run_id: point.runId })),
    );
  }
}
