// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { Queryable } from '#libs/persistence';
import type { CancelRequest, JobRecord } from './job';
import type { JobsRepository } from './jobs.repository';

export type StopCause = 'lease-lost' | 'cancel' | 'shutdown';

/**
 * Keeps a claimed job ours: renews its lease at a third of its length and learns of cancel requests on the way. When the lease is
 * lost, or cannot be renewed in time, another process may drive the job: this one must stop writing (the fencing token refuses it).
 */
export class JobLease {
  /** What a person asked for, once known. */
  cancel: CancelRequest | null;
  private readonly controller = new AbortController();
  private readonly finished = new AbortController();
  private readonly loop: Promise<void>;

  constructor(
    private readonly ports: { jobs: JobsRepository; db: Queryable; clock: Clock; onError: (error: unknown) => void },
    private readonly job: JobRecord,
    private readonly leaseSeconds: number,
  ) {
    this.cancel = job.cancel;
    if (job.cancel) this.stop('cancel');
    this.loop = this.keep();
  }

  /** Aborted when the work shall stop; its reason is a StopCause. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get cause(): StopCause | undefined {
    return this.signal.aborted ? (this.signal.reason as StopCause) : undefined;
  }

  /** The service stops: the first cause wins, but a lost lease beats all. */
  stop(cause: StopCause): void {
    this.controller.abort(cause);
  }

  /** No more renewals. */
  async end(): Promise<void> {
    this.finished.abort();
    await this.loop;
  }

  private async keep(): Promise<void> {
    const { clock } = this.ports;
    let renewedMs = clock.monotonicMs();
    while (!this.finished.signal.aborted) {
      try {
        await clock.sleep((this.leaseSeconds * 1000) / 3, this.finished.signal);
      } catch {
        return; // the wait was ended by end()
      }
      try {
        const renewed = await this.ports.jobs.renew(this.ports.db, this.job, this.job.leaseToken, this.leaseSeconds);
        if (!renewed) return this.stop('lease-lost');
        renewedMs = clock.monotonicMs();
        if (renewed.cancel) {
          this.cancel = renewed.cancel;
          this.stop('cancel');
        }
      } catch (error) {
        this.ports.onError(error);
        if (clock.monotonicMs() - renewedMs > this.leaseSeconds * 1000) return this.stop('lease-lost');
      }
    }
  }
}
