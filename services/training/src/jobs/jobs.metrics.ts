// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';
import { Database } from '#libs/persistence';
import { JobsRepository } from './jobs.repository';

/** Metrics of jobs and evaluation jobs. */
@Injectable()
export class JobsMetrics {
  readonly attempts;
  readonly schedulerFailures;

  constructor(metrics: Metrics, jobs: JobsRepository, database: Database) {
    this.attempts = metrics.counter({
      name: 'attempts_total',
      help: 'Attempts of jobs that ended, by kind of job and outcome.',
      labelValues: { kind: ['fine-tune', 'evaluation'], outcome: ['succeeded', 'retried', 'failed', 'cancelled'] },
    });
    this.schedulerFailures = metrics.counter({
      name: 'scheduler_failures_total',
      help: 'Looks at the job queue that failed, for example because the database did not answer.',
    });
    metrics.gauge({
      name: 'jobs_open',
      help: 'Jobs that have not ended, by kind and state.',
      labelNames: ['kind', 'state'],
      collect: async (gauge) => {
        const counts = await jobs.countByState(database);
        gauge.reset();
        for (const { kind, state, count } of counts) gauge.set({ kind, state }, count);
      },
    });
    metrics.gauge({
      name: 'jobs_unchanged_seconds',
      help: 'Longest time that a job which has not ended was left unchanged, by kind and state: a stuck job shows here.',
      labelNames: ['kind', 'state'],
      collect: async (gauge) => {
        const counts = await jobs.countByState(database);
        gauge.reset();
        for (const { kind, state, oldestSeconds } of counts) gauge.set({ kind, state }, oldestSeconds);
      },
    });
  }
}
