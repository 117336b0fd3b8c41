// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';
import { Database } from '#libs/persistence';
import { PipelineRunsRepository } from './pipeline-runs.repository';

/** Metrics of pipeline runs. */
@Injectable()
export class PipelineRunsMetrics {
  constructor(metrics: Metrics, runs: PipelineRunsRepository, database: Database) {
    metrics.gauge({
      name: 'pipeline_runs_open',
      help: 'Pipeline runs that have not ended, by state and by whether their step is being tried again after an error.',
      labelNames: ['state', 'retrying'],
      collect: async (gauge) => {
        const counts = await runs.countOpen(database);
        gauge.reset();
        for (const { state, retrying, count } of counts) gauge.set({ state, retrying: String(retrying) }, count);
      },
    });
  }
}
