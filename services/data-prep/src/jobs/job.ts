// SPDX-License-Identifier: Apache-2.0
import type { AppError } from '#libs/errors';
import type { Transaction } from '#libs/persistence';

export type JobKind = 'profile' | 'recipe-run';

/** Work in the queue. The id is the id of the profile or run that it makes. */
export interface Job {
  workspace: string;
  id: string;
  kind: JobKind;
  attempts: number;
  /** Seconds since it was enqueued, at its claim. */
  ageSeconds: number;
  /** Rises with every claim: a worker whose fence is old has lost the job and can write nothing. */
  fence: string;
  traceparent: string | null;
}

export type WorkState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What a worker holds while it works on a job. */
export interface JobLease {
  job: Job;
  /** Aborted when the job was cancelled, taken over, took longer than JOB_SECONDS_MAX, or the process stops. */
  signal: AbortSignal;
  /** A folder of this try, removed when it ends. */
  folder: string;
  /** A transaction in which the job is surely still this worker's; throws LEASE_LOST otherwise. For everything written on the way. */
  guarded: <T>(work: (tx: Transaction) => Promise<T>) => Promise<T>;
}

/** How a kind of job is done. */
export interface JobHandler {
  kind: JobKind;
  /** Does the work outside any transaction; returns what records the result, called in the transaction that ends the job. */
  perform(lease: JobLease): Promise<(tx: Transaction) => Promise<void>>;
  /** Records a failure for good, in the transaction that ends the job. */
  fail(tx: Transaction, job: Job, error: AppError): Promise<void>;
}

/** Pause before try `attempts` + 1, in seconds: 1, 2, 4 ... 60. */
function retryPauseSeconds(attempts: number): number {
  return Math.min(60, 2 ** Math.max(0, attempts - 1));
}

/** Pause before another try when a peer does not answer, in seconds. */
const PEER_AWAY_PAUSE_SECONDS = 2;

/** Pause before another try when a peer, a pool or a disk has no room, in seconds: it is others who must end first. */
const NO_ROOM_PAUSE_SECONDS = 15;

/** What is away or has no room says nothing about the job: such tries do not count, for an hour. */
const OTHERS_FAULT_SECONDS_MAX = 3_600;

/** What follows a try that failed in a way that may pass. */
export function retryAfter(job: Pick<Job, 'attempts' | 'ageSeconds'>, failure: AppError): Retry {
  const hasNoRoom = failure.kind === 'exhausted' && failure.retry === 'later';
  if ((failure.kind !== 'unavailable' && !hasNoRoom) || job.ageSeconds >= OTHERS_FAULT_SECONDS_MAX)
    return { pauseSeconds: retryPauseSeconds(job.attempts), countAttempt: true };
  return { pauseSeconds: hasNoRoom ? NO_ROOM_PAUSE_SECONDS : PEER_AWAY_PAUSE_SECONDS, countAttempt: false };
}

export interface Retry {
  pauseSeconds: number;
  /** False where the failure says nothing about the job. */
  countAttempt: boolean;
}
