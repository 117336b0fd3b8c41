// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import type { ViewType } from '../experiments/experiment';
import { checkMaxResults } from '../experiments/find-experiments';
import { parseFilter, runGrammar } from '../mlflow/filter';
import { parseExperimentId } from '../mlflow/limits';
import { parseOrderBy } from '../mlflow/order-by';
import { invalidParameter } from '../registry.errors';
import { runNotFound } from './log-to-run';
import type { Metric, Run } from './run';
import { type MetricHistoryQuery, type MetricSampleQuery, RunsRepository } from './runs.repository';

export interface RunQuery {
  experimentIds: string[];
  view: ViewType;
  filter: string;
  orderBy: string[];
  limit: number;
  bytesMax: number;
  pageToken: string;
}

/** Reads runs: one, a page of a search (default order: newest start first), or the values of a metric. */
@Injectable()
export class FindRuns {
  constructor(
    private readonly db: Database,
    private readonly runs: RunsRepository,
  ) {}

  async byId(workspace: string, runId: string): Promise<Run> {
    const run = await this.runs.find(this.db, workspace, runId);
    if (!run) throw runNotFound(runId);
    return run;
  }

  async execute(workspace: string, query: RunQuery): Promise<{ runs: Run[]; nextPageToken: string }> {
    checkMaxResults(query.limit, 50_000);
    return this.runs.search(this.db, workspace, {
      experimentIds: query.experimentIds.map(parseExperimentId),
      view: query.view,
      clauses: parseFilter(query.filter, runGrammar),
      orderBy: parseOrderBy(query.orderBy, runGrammar),
      limit: query.limit,
      bytesMax: query.bytesMax,
      pageToken: query.pageToken,
    });
  }

  /** A run or a metric that does not exist has an empty history. */
  metricHistory(workspace: string, query: MetricHistoryQuery): Promise<{ metrics: Metric[]; nextPageToken: string }> {
    if (query.limit !== undefined && query.limit <= 0) {
      throw invalidParameter(`Invalid value ${query.limit} for parameter 'max_results' supplied. It must be a positive integer.`);
    }
    return this.runs.metricHistory(this.db, workspace, query);
  }

  sampleMetrics(workspace: string, query: MetricSampleQuery): Promise<(Metric & { runId: string })[]> {
    return this.runs.sampleMetrics(this.db, workspace, query);
  }
}
