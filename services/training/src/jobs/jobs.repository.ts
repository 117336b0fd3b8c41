// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { JobFailure } from './failure';
import type {
  AttemptRecord,
  CancelRequest,
  CheckpointRecord,
  ExecutorHandle,
  JobEventRecord,
  JobEventType,
  JobKind,
  JobProgress,
  JobRecord,
  JobResult,
  JobState,
  ResolvedInput,
  FineTuneSpec,
  EvaluationSpec,
} from './job';

export interface JobKey {
  workspace: string;
  id: string;
}

export interface NewJob extends JobKey {
  kind: JobKind;
  priority: number;
  spec: FineTuneSpec | EvaluationSpec;
  inputs: ResolvedInput[];
  modelDigest: string;
  modelName: string;
  pipelineRunId: string;
  submittedBy: string;
}

export interface JobFilter {
  kind: JobKind;
  state?: JobState;
  pipelineRunId?: string;
  modelDigest?: string;
}

/** Position in a list ordered newest first. */
export interface JobCursor {
  createTime: string;
  id: string;
}

/** Fields to change; undefined leaves a field alone, null empties it. */
export interface JobChanges {
  state?: JobState;
  inputs?: ResolvedInput[];
  attempts?: number;
  failures?: number;
  progress?: JobProgress;
  cancel?: CancelRequest;
  result?: JobResult;
  error?: JobFailure | null;
  /** The next attempt is due in so many seconds, by the database's clock: all processes agree on it, and a wrong clock of one does no harm. */
  retryAfterSeconds?: number;
  startTime?: Date;
  endTime?: Date;
  /** Give the lease back. */
  release?: true;
}

export interface NewJobEvent {
  level: JobEventRecord['level'];
  type: JobEventType;
  message: string;
  data?: Record<string, unknown>;
}

export interface ClaimOptions {
  owner: string;
  leaseSeconds: number;
  runningMax: number;
  validatingMax: number;
  /** Whether a running job of another holder whose lease ran out may be taken over; its own a holder may always take up again. */
  mayTakeOver: boolean;
}

/** What a claim says: whose it is now, and whether the job was found in the middle of an attempt. */
export interface Claim {
  job: JobRecord;
  /** True when a holder before this one vanished. */
  takenOver: boolean;
}

/** Jobs with attempts, history and checkpoints. Methods with a `leaseToken` write nothing when the job was claimed by another. */
export abstract class JobsRepository {
  abstract insert(tx: Transaction, job: NewJob): Promise<JobRecord>;
  abstract find(db: Queryable, key: JobKey, kind?: JobKind): Promise<JobRecord | undefined>;
  abstract lock(tx: Transaction, key: JobKey): Promise<JobRecord | undefined>;
  abstract list(
    db: Queryable,
    workspace: string,
    filter: JobFilter,
    page: { size: number; after?: JobCursor },
  ): Promise<JobRecord[]>;
  /** Changes a job; returns it with its new aggregate version. Throws LEASE_LOST when `leaseToken` is given and is not the job's. */
  abstract update(tx: Transaction, key: JobKey, changes: JobChanges, leaseToken?: string): Promise<JobRecord>;
  /** Whether a claim may find one; one statement, while a claim is a transaction under a lock. */
  abstract anyDue(db: Queryable): Promise<boolean>;
  abstract claim(tx: Transaction, options: ClaimOptions): Promise<Claim | undefined>;
  /** Prolongs the lease; undefined when it is lost. Answers whether the job shall be cancelled. */
  abstract renew(
    db: Queryable,
    key: JobKey,
    leaseToken: string,
    leaseSeconds: number,
  ): Promise<{ cancel: CancelRequest | null } | undefined>;
  /** Those of these jobs that have ended. */
  abstract ended(db: Queryable, keys: readonly JobKey[]): Promise<JobKey[]>;
  /** Whether a fine-tune of the workspace ended with the model of that manifest. */
  abstract hasMade(db: Queryable, workspace: string, modelManifestDigest: string): Promise<boolean>;
  abstract queuePosition(db: Queryable, job: JobRecord): Promise<number>;
  abstract countByState(db: Queryable): Promise<{ kind: JobKind; state: JobState; count: number; oldestSeconds: number }[]>;

  abstract insertAttempt(
    tx: Transaction,
    key: JobKey,
    attempt: Pick<AttemptRecord, 'number' | 'executor' | 'resumedFromStep'>,
  ): Promise<void>;
  abstract setAttemptHandle(tx: Transaction, key: JobKey, number: number, handle: ExecutorHandle): Promise<void>;
  abstract setProgressOffset(tx: Transaction, key: JobKey, number: number, offset: number): Promise<void>;
  abstract endAttempt(
    tx: Transaction,
    key: JobKey,
    number: number,
    end: { state: AttemptRecord['state']; error: JobFailure | null },
  ): Promise<void>;
  abstract listAttempts(db: Queryable, key: JobKey): Promise<AttemptRecord[]>;

  abstract appendEvent(tx: Transaction, key: JobKey, event: NewJobEvent): Promise<void>;
  abstract listEvents(db: Queryable, key: JobKey, page: { size: number; after: number }): Promise<JobEventRecord[]>;

  abstract insertCheckpoint(tx: Transaction, key: JobKey, checkpoint: Omit<CheckpointRecord, 'createTime'>): Promise<void>;
  abstract listCheckpoints(db: Queryable, key: JobKey, page: { size: number; before?: number }): Promise<CheckpointRecord[]>;
}
