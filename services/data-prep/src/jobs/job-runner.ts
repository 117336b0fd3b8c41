// SPDX-License-Identifier: Apache-2.0
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock, every, IdlePause, newId } from '#libs/clock';
import { hasCode, toAppError, type AppError } from '#libs/errors';
import { Logger, runWithTrace, ShutdownSequence } from '#libs/observability';
import { Database, UnitOfWork, type Transaction } from '#libs/persistence';
import { DataPrepSettings } from '../config';
import { DataPrepMetrics } from './data-prep.metrics';
import { retryAfter, type Job, type JobHandler } from './job';
import { JobErrors } from './jobs.errors';
import { JobsRepository } from './jobs.repository';
import { TryFolders } from './try-folders';

interface Try {
  done: Promise<void>;
  abort: AbortController;
  startMs: number;
}

/**
 * Works on the queue: claims jobs under a lease, renews it, and ends each job and its result in one transaction under the fence.
 * A killed process leaves its jobs to whoever claims them once the lease ran out; a stopping one hands them back at once.
 */
@Injectable()
export class JobRunner implements OnApplicationBootstrap {
  private readonly handlers = new Map<string, JobHandler>();
  /** Tries, not jobs: a job whose lease ran out here may be claimed here again while its first try is still ending. */
  private readonly running = new Set<Try>();
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private wakeUp: () => void = () => undefined;
  private readonly worker: string;
  private readonly idle: IdlePause;
  /** Others in the simulator, which has no disk. */
  folders: Pick<TryFolders, 'make' | 'remove' | 'removeOld'>;

  constructor(
    private readonly jobs: JobsRepository,
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly settings: DataPrepSettings,
    private readonly metrics: DataPrepMetrics,
    shutdown: ShutdownSequence,
  ) {
    this.worker = `${process.pid}-${newId()}`;
    this.idle = new IdlePause(settings.jobPollMilliseconds);
    this.folders = new TryFolders(settings.workDir, settings.jobSecondsMax, clock);
    shutdown.on('stop-intake', 'jobs', () => this.stop());
    metrics.observeQueue(() => jobs.waiting(database));
    metrics.observeRunning(() => this.oldestSeconds());
  }

  register(handler: JobHandler): void {
    this.handlers.set(handler.kind, handler);
  }

  /** Looks at the queue now. Call it after the commit that enqueued a job. */
  wake(): void {
    this.idle.reset();
    this.wakeUp();
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.settings.runConsumers) return;
    await this.folders.removeOld();
    this.loop = this.work();
  }

  /** Ends all tries and hands their jobs back. */
  private async stop(): Promise<void> {
    this.stopping.abort(new Error('the process stops'));
    this.wakeUp();
    await this.loop;
    for (const { abort } of this.running) abort.abort(new Error('the process stops'));
    await Promise.all([...this.running].map(({ done }) => done));
  }

  private async work(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const claimed = this.running.size < this.settings.jobsRunningMax ? await this.claim() : undefined;
      if (claimed) this.start(claimed);
      else await this.pause();
    }
  }

  private async claim(): Promise<Job | undefined> {
    try {
      return await this.jobs.claim(this.database, this.worker, this.settings.jobLeaseSeconds);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not look at the queue');
      return undefined;
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolvePause) => {
      const cancel = this.clock.timer(this.idle.next(), resolvePause);
      this.wakeUp = () => {
        cancel();
        resolvePause();
      };
      if (this.stopping.signal.aborted) this.wakeUp();
    });
  }

  private start(job: Job): void {
    const abort = new AbortController();
    const started: Try = { abort, done: Promise.resolve(), startMs: this.clock.monotonicMs() };
    this.running.add(started);
    this.idle.reset();
    started.done = runWithTrace(job.traceparent ?? undefined, () => this.perform(job, started)).finally(() => {
      this.running.delete(started);
      this.wake();
    });
  }

  private oldestSeconds(): number {
    const nowMs = this.clock.monotonicMs();
    return Math.max(0, ...[...this.running].map(({ startMs }) => (nowMs - startMs) / 1000));
  }

  /** Never rejects: whatever happens to a job is recorded or logged here. */
  private async perform(job: Job, { abort, startMs }: Try): Promise<void> {
    const endRenewal = this.renewLease(job, abort);
    const endLimit = this.limitTime(abort, endRenewal);
    let outcome = 'succeeded';
    try {
      outcome = await this.attempt(job, abort.signal);
    } catch (error) {
      // The database did not take the outcome: the lease runs out and the job is done again.
      outcome = 'unrecorded';
      this.logger.error({ err: error, jobId: job.id, kind: job.kind }, 'the outcome of a job could not be recorded');
    } finally {
      endLimit();
      endRenewal();
      this.metrics.jobEnded(job.kind, outcome, (this.clock.monotonicMs() - startMs) / 1000);
    }
  }

  private async attempt(job: Job, signal: AbortSignal): Promise<string> {
    const handler = this.handlers.get(job.kind);
    if (!handler) throw new TypeError(`no handler for jobs of kind ${job.kind}`);
    let folder: string | undefined;
    try {
      folder = await this.folders.make();
      if (job.attempts > this.settings.jobAttemptsMax)
        throw JobErrors.ATTEMPTS_EXHAUSTED(`tried ${job.attempts - 1} times`, { attempts: job.attempts - 1 });
      const record = await handler.perform({ job, signal, folder, guarded: (work) => this.guarded(job, signal, work) });
      signal.throwIfAborted();
      await this.end(job, record);
      return 'succeeded';
    } catch (error) {
      return await this.afterFailure(job, handler, error, signal);
    } finally {
      if (folder) await this.folders.remove(folder);
    }
  }

  /** Renewing locks the job's row: who takes the job over waits for this transaction, or this one sees that it is gone. */
  private async guarded<T>(job: Job, signal: AbortSignal, work: (tx: Transaction) => Promise<T>): Promise<T> {
    // A try that goes on beyond its time would keep its lease by what it writes.
    signal.throwIfAborted();
    return this.unitOfWork.run(async (tx) => {
      if (!(await this.jobs.renew(tx, job, this.settings.jobLeaseSeconds)))
        throw JobErrors.LEASE_LOST(`job ${job.id} is no longer this worker's`, { id: job.id });
      return work(tx);
    });
  }

  private end(job: Job, record: (tx: Transaction) => Promise<void>): Promise<void> {
    return this.unitOfWork.run(async (tx) => {
      await this.jobs.finish(tx, job);
      await record(tx);
    });
  }

  private async afterFailure(job: Job, handler: JobHandler, thrown: unknown, signal: AbortSignal): Promise<string> {
    if (this.stopping.signal.aborted) {
      await this.jobs.release(this.database, job, { pauseSeconds: 0, countAttempt: false });
      return 'handed-back';
    }
    // What an interrupted step throws says that it was interrupted, not why.
    const isTooLong = hasCode(signal.reason, 'DATA_PREP.JOB_TOO_LONG');
    const error: unknown = isTooLong ? signal.reason : thrown;
    if ((signal.aborted && !isTooLong) || hasCode(error, 'DATA_PREP.LEASE_LOST')) {
      this.logger.info({ jobId: job.id, kind: job.kind }, 'a job was cancelled or taken over');
      return 'lost';
    }
    const failure = toAppError(error);
    const retry = retryAfter(job, failure);
    if (isLasting(failure) || (retry.countAttempt && job.attempts >= this.settings.jobAttemptsMax)) {
      this.logger.warn({ err: error, jobId: job.id, kind: job.kind, code: failure.code }, 'a job failed');
      await this.end(job, (tx) => handler.fail(tx, job, failure));
      return 'failed';
    }
    const { pauseSeconds } = retry;
    this.logger.warn(
      { err: error, jobId: job.id, kind: job.kind, code: failure.code, pauseSeconds },
      'a job will be tried again',
    );
    await this.jobs.release(this.database, job, retry);
    return 'retried';
  }

  /** Interrupts a try beyond its time. One that does not stop loses its job all the same: its lease is not renewed any more. */
  private limitTime(abort: AbortController, endRenewal: () => void): () => void {
    const { jobSecondsMax } = this.settings;
    return this.clock.timer(jobSecondsMax * 1000, () => {
      endRenewal();
      const message = `a try of the job took longer than JOB_SECONDS_MAX = ${jobSecondsMax} s`;
      abort.abort(JobErrors.JOB_TOO_LONG(message, { jobSecondsMax }));
    });
  }

  private renewLease(job: Job, abort: AbortController): () => void {
    const leaseMs = this.settings.jobLeaseSeconds * 1000;
    let renewedMs = this.clock.monotonicMs();
    return every(this.clock, leaseMs / 3, () => {
      const askedMs = this.clock.monotonicMs();
      this.jobs.renew(this.database, job, this.settings.jobLeaseSeconds).then(
        (mine) => {
          if (mine) renewedMs = askedMs;
          else abort.abort(new Error('the job is no longer this worker’s'));
        },
        (error: unknown) => {
          this.logger.warn({ err: error, jobId: job.id }, 'could not renew a lease');
          // Without a renewal the lease has run out: another worker may have the job.
          if (this.clock.monotonicMs() - renewedMs > leaseMs) abort.abort(new Error('the lease ran out'));
        },
      );
    });
  }
}

/** The same input will fail in the same way. */
function isLasting(error: AppError): boolean {
  return error.retry === 'never' && error.kind !== 'internal' && error.kind !== 'cancelled';
}
