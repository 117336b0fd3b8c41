// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Job, JobKind } from './job';

/** The queue of jobs, in the service's database. */
export abstract class JobsRepository {
  /** Puts a job into the queue; nothing happens if it is there already. */
  abstract enqueue(tx: Transaction, job: { workspace: string; id: string; kind: JobKind; traceparent?: string }): Promise<void>;
  /** Takes the oldest job that is due or whose worker gave no sign of life, for `leaseSeconds`. */
  abstract claim(db: Queryable, worker: string, leaseSeconds: number): Promise<Job | undefined>;
  /** Prolongs the lease. False if the job is no longer this worker's. */
  abstract renew(db: Queryable, job: Job, leaseSeconds: number): Promise<boolean>;
  /** Ends the job. Throws LEASE_LOST if it is no longer this worker's: the transaction must roll back. */
  abstract finish(tx: Transaction, job: Job): Promise<void>;
  /** Gives the job back to the queue. `countAttempt` false where the try was ended by a stop and not by the job. */
  abstract release(db: Queryable, job: Job, options: { pauseSeconds: number; countAttempt: boolean }): Promise<void>;
  /** Takes a job out of the queue, also from under a worker. */
  abstract remove(tx: Transaction, workspace: string, id: string): Promise<void>;
  abstract waiting(db: Queryable): Promise<{ jobs: number; oldestSeconds: number }>;
}
