// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock, IdlePause } from '#libs/clock';
import { hasCode } from '#libs/errors';
import { Logger } from '#libs/observability';
import { Database, UnitOfWork } from '#libs/persistence';
import { TrainingSettings } from '../config';
import { type Claim, JobsRepository } from './jobs.repository';
import type { JobRecord } from './job';
import { JobLease } from './job-lease';
import { JobWork } from './job-work';
import { JobsMetrics } from './jobs.metrics';

/** Claims jobs and drives each to its next resting state. One per process; any number of processes share the queue. */
@Injectable()
export class JobScheduler {
  private readonly owner = randomUUID();
  private readonly stopping = new AbortController();
  private readonly driven = new Map<Promise<void>, JobLease>();
  private loop: Promise<void> | undefined;
  private wakeUp: (() => void) | undefined;
  private isAwake = false;
  /** Since when the database has answered, in monotonic milliseconds. */
  private reachedMs: number | undefined;
  private readonly idle: IdlePause;

  constructor(
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly settings: TrainingSettings,
    private readonly jobs: JobsRepository,
    private readonly metrics: JobsMetrics,
    private readonly work: JobWork,
  ) {
    this.idle = new IdlePause(settings.pollMilliseconds);
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** A job was made or freed: look now instead of at the next poll. */
  wake(): void {
    this.isAwake = true;
    this.idle.reset();
    this.wakeUp?.();
  }

  /** No new claims; running trainers are told to write a checkpoint. */
  async stopIntake(): Promise<void> {
    this.stopping.abort();
    this.wakeUp?.();
    await this.loop;
    for (const lease of this.driven.values()) lease.stop('shutdown');
  }

  /** Waits until every job was handed back. */
  async drain(): Promise<void> {
    await Promise.all(this.driven.keys());
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.isAwake = false;
      try {
        for (let claim = await this.claim(); claim && !this.stopping.signal.aborted; claim = await this.claim())
          this.drive(claim);
      } catch (error) {
        this.reachedMs = undefined;
        this.metrics.schedulerFailures.inc();
        this.logger.error({ err: error }, 'job queue not read');
      }
      if (!this.isAwake) await this.pause();
    }
  }

  private async claim(): Promise<Claim | undefined> {
    const isDue = await this.jobs.anyDue(this.database);
    this.reachedMs ??= this.clock.monotonicMs();
    if (!isDue) return undefined;
    const { leaseSeconds, jobsRunningMax: runningMax, jobsValidatingMax: validatingMax } = this.settings;
    // After an outage all leases have run out, and nobody is gone: each holder takes its own jobs up again, with the trainers that only
    // it can see where processes do not share a host. What nobody has taken up after the length of a lease is another one's.
    const mayTakeOver = this.clock.monotonicMs() - this.reachedMs >= leaseSeconds * 1000;
    const options = { owner: this.owner, leaseSeconds, runningMax, validatingMax, mayTakeOver };
    return this.unitOfWork.run((tx) => this.jobs.claim(tx, options), { label: 'claim job' });
  }

  private drive({ job }: Claim): void {
    this.idle.reset();
    const onError = (error: unknown): void => this.logger.warn({ jobId: job.id, err: error }, 'lease not renewed');
    const lease = new JobLease(
      { jobs: this.jobs, db: this.database, clock: this.clock, onError },
      job,
      this.settings.leaseSeconds,
    );
    const driven = this.driveToRest(job, lease).finally(() => {
      this.driven.delete(driven);
      this.wake();
    });
    this.driven.set(driven, lease);
  }

  private async driveToRest(job: JobRecord, lease: JobLease): Promise<void> {
    try {
      await this.work.execute(job, lease);
    } catch (error) {
      // Fenced off: the new holder goes on. Anything else: the lease runs out and the job is claimed again.
      if (hasCode(error, 'TRAINING.LEASE_LOST')) this.logger.warn({ jobId: job.id }, 'job lost to another process');
      else this.logger.error({ jobId: job.id, err: error }, 'job not driven');
    } finally {
      await lease.end();
    }
  }

  private async pause(): Promise<void> {
    const wait = new AbortController();
    this.wakeUp = () => wait.abort();
    // The wait ends by time or by wake(), which aborts it.
    await this.clock.sleepUnlessAborted(this.idle.next(), wait.signal);
    this.wakeUp = undefined;
  }
}
