// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';

/** Metrics of jobs, evaluation jobs and pipeline runs. */
@Injectable()
export class JobsMetrics {
  readonly attempts;
  readonly open;
  readonly oldest;
  readonly schedulerFailures;

  constructor(metrics: Metrics) {
    this.attempts = metrics.counter({
      name: 'millrace_training_attempts_total',
      help: 'Attempts of jobs that ended, by kind of job and outcome.',
      labelNames: ['kind', 'outcome'],
    });
    this.open = metrics.gauge({
      name: 'millrace_training_jobs_open',
      help: 'Jobs that have not ended, by kind and state.',
      labelNames: ['kind', 'state'],
    });
    this.oldest = metrics.gauge({
      name: 'millrace_training_jobs_unchanged_seconds',
      help: 'Longest time that a job which has not ended was left unchanged, by kind and state: a stuck job shows here.',
      labelNames: ['kind', 'state'],
    });
    this.schedulerFailures = metrics.counter({
      name: 'millrace_training_scheduler_failures_total',
      help: 'Looks at the queue that failed, for example because the database did not answer.',
      labelNames: [],
    });
  }
}
