// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';

/** Metrics of data-prep, each declared once. */
@Injectable()
export class DataPrepMetrics {
  private readonly jobSeconds;
  private readonly rows;

  constructor(private readonly metrics: Metrics) {
    this.jobSeconds = metrics.histogram({
      name: 'job_seconds',
      help: 'Time of a try of a job, by kind and outcome (succeeded, failed, retried, lost, handed-back, unrecorded).',
      labelValues: {
        kind: ['profile', 'recipe-run'],
        outcome: ['succeeded', 'failed', 'retried', 'lost', 'handed-back', 'unrecorded'],
      },
      buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 1800],
    });
    this.rows = metrics.counter({
      name: 'rows_total',
      help: 'Rows of ended recipe runs, by outcome: kept or the kind of the step that dropped them.',
      labelNames: ['outcome'],
    });
  }

  jobEnded(kind: string, outcome: string, seconds: number): void {
    this.jobSeconds.observe({ kind, outcome }, seconds);
  }

  rowsEnded(outcome: string, rows: number): void {
    if (rows > 0) this.rows.inc({ outcome }, rows);
  }

  observeRunning(oldestSeconds: () => number): void {
    this.metrics.gauge({
      name: 'jobs_running_oldest_seconds',
      help: 'How long the oldest try of a job in this process has been running; 0 when none runs.',
      collect: (gauge) => gauge.set(oldestSeconds()),
    });
  }

  observeQueue(read: () => Promise<{ jobs: number; oldestSeconds: number }>): void {
    this.metrics.gauge({
      name: 'jobs_waiting',
      help: 'Jobs that no worker has.',
      collect: async (gauge) => gauge.set((await read()).jobs),
    });
    this.metrics.gauge({
      name: 'jobs_waiting_oldest_seconds',
      help: 'Age of the oldest job that no worker has.',
      collect: async (gauge) => gauge.set((await read()).oldestSeconds),
    });
  }
}
