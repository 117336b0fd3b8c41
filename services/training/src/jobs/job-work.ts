// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { hasCode } from '#libs/errors';
import { UnitOfWork } from '#libs/persistence';
import { FinishAttempt, toFailure } from './finish-attempt';
import type { JobRecord } from './job';
import type { JobLease } from './job-lease';
import { JobRecorder } from './job-recorder';
import { JobsRepository } from './jobs.repository';
import { RunAttempt } from './run-attempt';
import { ValidateJob } from './validate-job';

/** Pause before another look at a job whose rows could not be read. */
const POSTPONED_SECONDS = 5;

/** What a claimed job needs, by its state. */
@Injectable()
export class JobWork {
  constructor(
    private readonly validate: ValidateJob,
    private readonly attempt: RunAttempt,
    private readonly finish: FinishAttempt,
    private readonly recorder: JobRecorder,
    private readonly jobs: JobsRepository,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  async execute(job: JobRecord, lease: JobLease): Promise<void> {
    if (job.cancel && job.state !== 'running') return this.finish.cancel(job, lease);
    if (job.state !== 'validating') return this.attempt.execute(job, lease);
    try {
      await this.validate.execute(job, lease.signal);
    } catch (error) {
      if (lease.cause === 'cancel') return this.finish.cancel(job, lease);
      if (lease.cause !== undefined || hasCode(error, 'TRAINING.LEASE_LOST')) return;
      await this.postpone(job, error);
    }
  }

  // Nothing is spent yet, so a peer that does not answer is waited for; what can never work ends the job.
  private async postpone(job: JobRecord, error: unknown): Promise<void> {
    const failure = toFailure(error);
    if (failure.failureClass !== 'infrastructure') {
      await this.unitOfWork.run((tx) => this.recorder.failed(tx, job, failure, 0), { label: 'fail invalid job' });
      return;
    }
    await this.unitOfWork.run(
      async (tx) => {
        await this.jobs.update(tx, job, { error: failure, retryAfterSeconds: POSTPONED_SECONDS, release: true }, job.leaseToken);
        const message = `rows not read yet: ${failure.message}`;
        await this.recorder.noted(tx, job, { level: 'warn', type: 'validation', message, data: { code: failure.code } });
      },
      { label: 'postpone validation' },
    );
  }
}
