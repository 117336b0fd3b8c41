// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { JobFailure } from './failure';
import type { AttemptRecord, CheckpointRecord, ExecutorHandle, JobEventRecord } from './job';
import { type AttemptRow, type EventRow, toAttempt, toEvent } from './job-rows.typeorm';
import { type JobKey, JobsRepository, type NewJobEvent } from './jobs.repository';

/** Attempts, events and checkpoints of jobs. */
export abstract class JobHistoryTypeorm extends JobsRepository {
  async insertAttempt(
    tx: Transaction,
    key: JobKey,
    attempt: Pick<AttemptRecord, 'number' | 'executor' | 'resumedFromStep'>,
  ): Promise<void> {
    await tx.query(
      `insert into job_attempts (workspace, job_id, number, state, executor, resumed_from_step) values ($1, $2, $3, 'running', $4, $5)`,
      [key.workspace, key.id, attempt.number, attempt.executor, attempt.resumedFromStep],
    );
  }

  async setAttemptHandle(tx: Transaction, key: JobKey, number: number, handle: ExecutorHandle): Promise<void> {
    await tx.query('update job_attempts set handle = $4 where workspace = $1 and job_id = $2 and number = $3', [
      key.workspace,
      key.id,
      number,
      JSON.stringify(handle),
    ]);
  }

  async setProgressOffset(tx: Transaction, key: JobKey, number: number, offset: number): Promise<void> {
    await tx.query('update job_attempts set progress_offset = $4 where workspace = $1 and job_id = $2 and number = $3', [
      key.workspace,
      key.id,
      number,
      offset,
    ]);
  }

  async endAttempt(
    tx: Transaction,
    key: JobKey,
    number: number,
    end: { state: AttemptRecord['state']; error: JobFailure | null },
  ): Promise<void> {
    await tx.query(
      `update job_attempts set state = $4, error = $5, end_time = now()
       where workspace = $1 and job_id = $2 and number = $3 and state = 'running'`,
      [key.workspace, key.id, number, end.state, end.error && JSON.stringify(end.error)],
    );
  }

  async listAttempts(db: Queryable, key: JobKey): Promise<AttemptRecord[]> {
    const rows = await db.query<AttemptRow>(
      `select *, extract(epoch from coalesce(end_time, now()) - start_time)::float8 as seconds
       from job_attempts where workspace = $1 and job_id = $2 order by number`,
      [key.workspace, key.id],
    );
    return rows.map(toAttempt);
  }

  async appendEvent(tx: Transaction, key: JobKey, event: NewJobEvent): Promise<void> {
    // The counter's row lock gives the history one order without gaps.
    await tx.query(
      `with counter as (
         update jobs set event_sequence = event_sequence + 1 where workspace = $1 and id = $2 returning event_sequence
       )
       insert into job_events (workspace, job_id, sequence, level, type, message, data)
       select $1, $2, event_sequence, $3, $4, $5, $6 from counter`,
      [key.workspace, key.id, event.level, event.type, event.message, JSON.stringify(event.data ?? {})],
    );
  }

  async listEvents(db: Queryable, key: JobKey, page: { size: number; after: number }): Promise<JobEventRecord[]> {
    const rows = await db.query<EventRow>(
      'select * from job_events where workspace = $1 and job_id = $2 and sequence > $3 order by sequence limit $4',
      [key.workspace, key.id, page.after, page.size],
    );
    return rows.map(toEvent);
  }

  async insertCheckpoint(tx: Transaction, key: JobKey, checkpoint: Omit<CheckpointRecord, 'createTime'>): Promise<void> {
    await tx.query(
      `insert into job_checkpoints (workspace, job_id, step, attempt, manifest_digest) values ($1, $2, $3, $4, $5)
       on conflict (workspace, job_id, step) do update set attempt = excluded.attempt, manifest_digest = excluded.manifest_digest`,
      [key.workspace, key.id, checkpoint.step, checkpoint.attempt, checkpoint.manifestDigest],
    );
  }

  async listCheckpoints(db: Queryable, key: JobKey, page: { size: number; before?: number }): Promise<CheckpointRecord[]> {
    const rows = await db.query<{ step: string; attempt: number; manifest_digest: string; create_time: Date }>(
      `select step, attempt, manifest_digest, create_time from job_checkpoints
       where workspace = $1 and job_id = $2 and ($3::bigint is null or step < $3) order by step desc limit $4`,
      [key.workspace, key.id, page.before ?? null, page.size],
    );
    return rows.map((row) => ({
      step: Number(row.step),
      attempt: row.attempt,
      manifestDigest: row.manifest_digest,
      createTime: row.create_time,
    }));
  }
}
