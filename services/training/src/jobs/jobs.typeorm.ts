// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import type { Queryable, Transaction } from '#libs/persistence';
import type { CancelRequest, JobKind, JobRecord, JobState } from './job';
import { TrainingErrors } from './jobs.errors';
import { type JobRow, toJob } from './job-rows.typeorm';
import { JobHistoryTypeorm } from './job-history.typeorm';
import type { Claim, ClaimOptions, JobChanges, JobCursor, JobFilter, JobKey, NewJob } from './jobs.repository';

// Column and JSON-ness of each changeable field.
const columns: Record<Exclude<keyof JobChanges, 'release' | 'retryAfterSeconds'>, [column: string, json: boolean]> = {
  state: ['state', false],
  inputs: ['inputs', true],
  attempts: ['attempts', false],
  failures: ['failures', false],
  progress: ['progress', true],
  cancel: ['cancel', true],
  result: ['result', true],
  error: ['error', true],
  startTime: ['start_time', false],
  endTime: ['end_time', false],
};

@Injectable()
export class JobsTypeorm extends JobHistoryTypeorm {
  async insert(tx: Transaction, job: NewJob): Promise<JobRecord> {
    const [row] = await tx.query<JobRow>(
      `insert into jobs (workspace, id, kind, state, priority, spec, inputs, model_digest, model_name, pipeline_run_id, submitted_by)
       values ($1, $2, $3, 'validating', $4, $5, $6, $7, $8, $9, $10) returning *`,
      [
        job.workspace,
        job.id,
        job.kind,
        job.priority,
        JSON.stringify(job.spec),
        JSON.stringify(job.inputs),
        job.modelDigest,
        job.modelName,
        job.pipelineRunId,
        job.submittedBy,
      ],
    );
    return toJob(row);
  }

  async find(db: Queryable, key: JobKey, kind?: JobKind): Promise<JobRecord | undefined> {
    const rows = await db.query<JobRow>(
      'select * from jobs where workspace = $1 and id = $2 and ($3::text is null or kind = $3)',
      [key.workspace, key.id, kind ?? null],
    );
    return rows[0] && toJob(rows[0]);
  }

  async lock(tx: Transaction, key: JobKey): Promise<JobRecord | undefined> {
    const rows = await tx.query<JobRow>('select * from jobs where workspace = $1 and id = $2 for update', [
      key.workspace,
      key.id,
    ]);
    return rows[0] && toJob(rows[0]);
  }

  async list(
    db: Queryable,
    workspace: string,
    filter: JobFilter,
    page: { size: number; after?: JobCursor },
  ): Promise<JobRecord[]> {
    const rows = await db.query<JobRow>(
      `select * from jobs
       where workspace = $1 and kind = $2 and ($3::text is null or state = $3) and ($4::text is null or pipeline_run_id = $4)
         and ($5::text is null or model_digest = $5)
         and ($6::timestamptz is null or (create_time, id) < ($6::timestamptz, $7::text))
       order by create_time desc, id desc limit $8`,
      [
        workspace,
        filter.kind,
        filter.state ?? null,
        filter.pipelineRunId ?? null,
        filter.modelDigest ?? null,
        page.after?.createTime ?? null,
        page.after?.id ?? null,
        page.size,
      ],
    );
    return rows.map(toJob);
  }

  async update(tx: Transaction, key: JobKey, changes: JobChanges, leaseToken?: string): Promise<JobRecord> {
    const { release, retryAfterSeconds, ...fields } = changes;
    const params: unknown[] = [key.workspace, key.id, leaseToken ?? null];
    const sets = Object.entries(fields).map(([name, value]) => {
      const [column, json] = columns[name as keyof typeof fields];
      params.push(json && value !== null ? JSON.stringify(value) : value);
      return `${column} = $${params.length}`;
    });
    if (retryAfterSeconds !== undefined) {
      params.push(retryAfterSeconds);
      sets.push(`next_attempt_time = now() + make_interval(secs => $${params.length})`);
    }
    // Who gave a job back can write nothing more to it, also when it was not told that its last commit happened.
    if (release) sets.push("lease_until = null, lease_owner = '', lease_token = lease_token + 1");
    const rows = await tx.query<JobRow>(
      `update jobs set ${[...sets, 'version = version + 1', 'update_time = now()'].join(', ')}
       where workspace = $1 and id = $2 and ($3::bigint is null or lease_token = $3) returning *`,
      params,
    );
    if (rows[0]) return toJob(rows[0]);
    if (leaseToken === undefined) throw notFound('job', key.id);
    throw TrainingErrors.LEASE_LOST(`another process drives job ${key.id}`, { jobId: key.id });
  }

  async hasMade(db: Queryable, workspace: string, modelManifestDigest: string): Promise<boolean> {
    const [row] = await db.query<{ made: boolean }>(
      `select exists (select 1 from jobs where workspace = $1 and kind = 'fine-tune' and state = 'succeeded'
                        and result->>'modelManifestDigest' = $2) as made`,
      [workspace, modelManifestDigest],
    );
    return row?.made === true;
  }

  async anyDue(db: Queryable): Promise<boolean> {
    // Without the bounds on how many run: while one holds a due job back, each look is a claim that finds nothing.
    const [row] = await db.query<{ due: boolean }>(
      `select exists (select 1 from jobs where state in ('validating', 'running') and (lease_until is null or lease_until < now())
                        and (state = 'running' or next_attempt_time <= now()))
           or exists (select 1 from jobs where state = 'queued' and (lease_until is null or lease_until < now())
                        and next_attempt_time <= now()) as due`,
    );
    return row?.due === true;
  }

  async claim(tx: Transaction, options: ClaimOptions): Promise<Claim | undefined> {
    // One claimer at a time, so that the bound on running jobs holds across processes. The row lock keeps out a job that somebody
    // cancels right now: without it the update would claim the row as the cancel left it.
    await tx.query("select pg_advisory_xact_lock(hashtextextended('training.jobs.claim', 0))");
    const [row] = await tx.query<JobRow & { taken_over: boolean }>(
      `with counts as (
         select count(*) filter (where state = 'running' or (state = 'queued' and lease_until >= now())) as running,
                count(*) filter (where state = 'validating' and lease_until >= now()) as validating
         from jobs where end_time is null
       ), due as (
         select workspace, id, state, lease_owner <> '' as taken_over from jobs, counts
         where (state = 'running' and (lease_until is null or lease_until < now() and (lease_owner = $1 or $5)))
            or (state = 'validating' and (lease_until is null or lease_until < now()) and next_attempt_time <= now()
                and counts.validating < $4)
            or (state = 'queued' and (lease_until is null or lease_until < now()) and next_attempt_time <= now()
                and counts.running < $3)
         order by (state = 'queued'), priority desc, create_time limit 1 for update of jobs skip locked
       )
       update jobs set lease_owner = $1, lease_token = lease_token + 1, lease_until = now() + make_interval(secs => $2)
       from due where jobs.workspace = due.workspace and jobs.id = due.id returning jobs.*, due.taken_over`,
      [options.owner, options.leaseSeconds, options.runningMax, options.validatingMax, options.mayTakeOver],
    );
    return row && { job: toJob(row), takenOver: row.taken_over };
  }

  async renew(
    db: Queryable,
    key: JobKey,
    leaseToken: string,
    leaseSeconds: number,
  ): Promise<{ cancel: CancelRequest | null } | undefined> {
    const rows = await db.query<{ cancel: CancelRequest | null }>(
      `update jobs set lease_until = now() + make_interval(secs => $4)
       where workspace = $1 and id = $2 and lease_token = $3 and lease_owner <> '' returning cancel`,
      [key.workspace, key.id, leaseToken, leaseSeconds],
    );
    return rows[0];
  }

  async ended(db: Queryable, keys: readonly JobKey[]): Promise<JobKey[]> {
    return db.query<JobKey>(
      `select workspace, id from jobs join unnest($1::text[], $2::text[]) as given (workspace, id) using (workspace, id)
       where end_time is not null`,
      [keys.map(({ workspace }) => workspace), keys.map(({ id }) => id)],
    );
  }

  async queuePosition(db: Queryable, job: JobRecord): Promise<number> {
    if (job.state !== 'queued') return 0;
    // The queue is shared by all workspaces; a position tells how many, never which.
    const [row] = await db.query<{ ahead: string }>(
      `select count(*) as ahead from jobs where state = 'queued' and (priority > $1 or (priority = $1 and create_time < $2))`,
      [job.priority, job.createTime],
    );
    return Number(row?.ahead ?? 0);
  }

  async countByState(db: Queryable): Promise<{ kind: JobKind; state: JobState; count: number; oldestSeconds: number }[]> {
    const rows = await db.query<{ kind: JobKind; state: JobState; count: string; oldest: string }>(
      `select kind, state, count(*) as count, extract(epoch from now() - min(update_time)) as oldest
       from jobs where end_time is null group by kind, state`,
    );
    return rows.map((row) => ({ kind: row.kind, state: row.state, count: Number(row.count), oldestSeconds: Number(row.oldest) }));
  }
}
