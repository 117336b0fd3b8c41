// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import type { Caller } from './caller';
import { isTerminal, type JobKind, type JobRecord } from './job';
import { JobRecorder } from './job-recorder';
import { TrainingErrors } from './jobs.errors';
import { JobsRepository } from './jobs.repository';

export interface CancelJobInput {
  kind: JobKind;
  jobId: string;
  reason: string;
  requestId: string;
}

/** Stops a job. One that waits ends at once; one that is being worked on is told, and ends when its process has stopped. */
@Injectable()
export class CancelJob {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly recorder: JobRecorder,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
  ) {}

  execute(caller: Caller, input: CancelJobInput): Promise<JobRecord> {
    const { workspace } = caller;
    const { requestId, ...request } = input;
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, { workspace, operation: 'CancelJob', requestId, request }, () =>
          this.cancel(tx, caller, input),
        ),
      { label: 'cancel job' },
    );
  }

  /** Throws NOT_FOUND, or JOB_ENDED when there is nothing left to stop. */
  async cancel(tx: Transaction, caller: Caller, input: Omit<CancelJobInput, 'requestId'>): Promise<JobRecord> {
    const job = await this.jobs.lock(tx, { workspace: caller.workspace, id: input.jobId });
    if (!job || job.kind !== input.kind) throw notFound('job', input.jobId);
    if (isTerminal(job.state)) throw TrainingErrors.JOB_ENDED(`job ${job.id} has ${job.state} already`, { state: job.state });
    const cancel = { by: caller.subject, reason: input.reason };
    if (job.state === 'queued' && !job.isHeld) return this.recorder.cancelled(tx, job, cancel);
    return this.jobs.update(tx, job, { cancel });
  }
}
