// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { type EventDefinition, Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import type { JobFailure } from './failure';
import { type CancelRequest, type JobProgress, type JobRecord, type JobResult, mayMove } from './job';
import {
  cancelledEvent,
  checkpointedEvent,
  evaluationFailedEvent,
  evaluationSucceededEvent,
  failedEvent,
  progressedEvent,
  queuedEvent,
  startedEvent,
  succeededEvent,
} from './jobs.events';
import { type JobChanges, JobsRepository, type NewJobEvent } from './jobs.repository';

/** A step of an attempt: its number, and where it goes on from. */
export interface AttemptFacts {
  number: number;
  executor: string;
  resumedFromStep: number;
}

/**
 * Every change of a job's state in one place: row, history and outbox event in the caller's transaction. Methods take the job as
 * claimed; its lease token fences off a process that has lost the job.
 */
@Injectable()
export class JobRecorder {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly publisher: EventPublisher,
    private readonly clock: Clock,
  ) {}

  async validated(
    tx: Transaction,
    job: JobRecord,
    changes: Pick<JobChanges, 'inputs'>,
    facts: Record<string, unknown>,
  ): Promise<JobRecord> {
    await this.append(tx, job, { level: 'info', type: 'validation', message: 'all rows fit', data: facts });
    const queued = await this.change(tx, job, { ...changes, state: 'queued', release: true }, 'queued');
    if (job.kind === 'fine-tune') await this.publish(tx, Events.JobQueued, queued, queuedEvent(queued));
    return queued;
  }

  async started(tx: Transaction, job: JobRecord, attempt: AttemptFacts): Promise<JobRecord> {
    await this.jobs.insertAttempt(tx, job, attempt);
    const from = attempt.resumedFromStep > 0 ? `, goes on from step ${attempt.resumedFromStep}` : '';
    const changes: JobChanges = { state: 'running', attempts: attempt.number, startTime: job.startTime ?? this.clock.now() };
    const running = await this.change(tx, job, changes, `attempt ${attempt.number} runs${from}`, { ...attempt });
    if (job.kind === 'fine-tune') await this.publish(tx, Events.JobStarted, running, startedEvent(running, attempt));
    return running;
  }

  async progressed(tx: Transaction, job: JobRecord, progress: JobProgress): Promise<JobRecord> {
    const updated = await this.jobs.update(tx, job, { progress }, job.leaseToken);
    const { step, stepsTotal, loss, learningRate, tokensPerSecond } = progress;
    const data = { step, stepsTotal, loss, learningRate, tokensPerSecond };
    const figures = job.kind === 'fine-tune' ? `, loss ${loss.toFixed(4)}` : '';
    await this.append(tx, job, { level: 'info', type: 'progress', message: `step ${step} of ${stepsTotal}${figures}`, data });
    if (job.kind === 'fine-tune') await this.publish(tx, Events.JobProgressed, updated, progressedEvent(updated, progress));
    return updated;
  }

  async checkpointed(tx: Transaction, job: JobRecord, checkpoint: { step: number; manifestDigest: string }): Promise<JobRecord> {
    const { step, manifestDigest } = checkpoint;
    const updated = await this.jobs.update(tx, job, {}, job.leaseToken);
    await this.jobs.insertCheckpoint(tx, job, { step, manifestDigest, attempt: job.attempts });
    await this.append(tx, job, {
      level: 'info',
      type: 'checkpoint',
      message: `checkpoint at step ${step}`,
      data: { step, manifestDigest },
    });
    await this.publish(tx, Events.JobCheckpointed, updated, checkpointedEvent(updated, checkpoint));
    return updated;
  }

  async noted(tx: Transaction, job: JobRecord, event: NewJobEvent): Promise<void> {
    await this.append(tx, job, event);
  }

  async succeeded(tx: Transaction, job: JobRecord, result: JobResult): Promise<JobRecord> {
    await this.jobs.endAttempt(tx, job, job.attempts, { state: 'succeeded', error: null });
    const changes: JobChanges = { state: 'succeeded', result, error: null, endTime: this.clock.now(), release: true };
    const ended = await this.change(tx, job, changes, 'succeeded');
    if (result.kind === 'fine-tune') await this.publish(tx, Events.JobSucceeded, ended, succeededEvent(ended, result));
    else await this.publish(tx, Events.EvaluationSucceeded, ended, evaluationSucceededEvent(ended, result));
    return ended;
  }

  /** The job ends here. */
  async failed(tx: Transaction, job: JobRecord, failure: JobFailure, failures: number): Promise<JobRecord> {
    await this.jobs.endAttempt(tx, job, job.attempts, { state: 'failed', error: failure });
    const changes: JobChanges = { state: 'failed', error: failure, failures, endTime: this.clock.now(), release: true };
    const ended = await this.change(tx, job, changes, `failed: ${failure.message}`, { ...failure }, 'error');
    if (job.kind === 'fine-tune') await this.publish(tx, Events.JobFailed, ended, failedEvent(ended, failure));
    else await this.publish(tx, Events.EvaluationFailed, ended, evaluationFailedEvent(ended, failure));
    return ended;
  }

  /** The attempt ends here; another one follows. */
  async retried(
    tx: Transaction,
    job: JobRecord,
    failure: JobFailure,
    next: { failures: number; delaySeconds: number },
  ): Promise<JobRecord> {
    await this.jobs.endAttempt(tx, job, job.attempts, { state: 'failed', error: failure });
    const { failures, delaySeconds: retryAfterSeconds } = next;
    const changes: JobChanges = { state: 'queued', error: failure, failures, retryAfterSeconds, release: true };
    const message = `attempt ${job.attempts} failed: ${failure.message}; another one follows in ${next.delaySeconds} s`;
    return this.change(tx, job, changes, message, { ...failure }, 'warn');
  }

  /** The service stops and hands the job back; that is nobody's failure. */
  async interrupted(tx: Transaction, job: JobRecord): Promise<JobRecord> {
    await this.jobs.endAttempt(tx, job, job.attempts, { state: 'interrupted', error: null });
    return this.change(tx, job, { state: 'queued', release: true }, 'handed back: the service stops');
  }

  async cancelled(tx: Transaction, job: JobRecord, cancel: CancelRequest): Promise<JobRecord> {
    await this.jobs.endAttempt(tx, job, job.attempts, { state: 'cancelled', error: null });
    const changes: JobChanges = { state: 'cancelled', cancel, endTime: this.clock.now(), release: true };
    const ended = await this.change(tx, job, changes, `cancelled by ${cancel.by}`, { ...cancel }, 'warn');
    if (job.kind === 'fine-tune') await this.publish(tx, Events.JobCancelled, ended, cancelledEvent(ended, cancel));
    return ended;
  }

  private async change(
    tx: Transaction,
    job: JobRecord,
    changes: JobChanges,
    message: string,
    data: Record<string, unknown> = {},
    level: NewJobEvent['level'] = 'info',
  ): Promise<JobRecord> {
    if (changes.state && !mayMove(job.state, changes.state))
      throw new Error(`a job may not go from ${job.state} to ${changes.state}`);
    const updated = await this.jobs.update(tx, job, changes, job.leaseToken);
    await this.append(tx, job, { level, type: 'state', message, data: { ...data, state: updated.state } });
    return updated;
  }

  private append(tx: Transaction, job: JobRecord, event: NewJobEvent): Promise<void> {
    return this.jobs.appendEvent(tx, job, event);
  }

  private async publish<T>(tx: Transaction, definition: EventDefinition<T>, job: JobRecord, data: T): Promise<void> {
    await this.publisher.publish(tx, definition, {
      workspace: job.workspace,
      aggregateId: job.id,
      aggregateVersion: job.version,
      data,
    });
  }
}
