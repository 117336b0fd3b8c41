// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { Job, JobKind } from './job';
import { JobErrors } from './jobs.errors';
import { JobsRepository } from './jobs.repository';

/** A row per job that has not ended; an ended job has no row, so the table stays small. Times are the database's own. */
@Injectable()
export class TypeormJobsRepository extends JobsRepository {
  async enqueue(tx: Transaction, job: { workspace: string; id: string; kind: JobKind; traceparent?: string }): Promise<void> {
    await tx.query('insert into jobs (workspace, id, kind, traceparent) values ($1, $2, $3, $4) on conflict do nothing', [
      job.workspace,
      job.id,
      job.kind,
      job.traceparent ?? null,
    ]);
  }

  async claim(db: Queryable, worker: string, leaseSeconds: number): Promise<Job | undefined> {
    const [job] = await db.query<Job>(
      `update jobs set worker = $1, lease_until = now() + make_interval(secs => $2), fence = fence + 1, attempts = attempts + 1
       where (workspace, id) = (
         select workspace, id from jobs where not_before <= now() and (lease_until is null or lease_until < now())
         order by not_before, create_time limit 1 for update skip locked)
       returning workspace, id, kind, attempts, fence, traceparent, extract(epoch from now() - create_time)::float8 as "ageSeconds"`,
      [worker, leaseSeconds],
    );
    return job;
  }

  async renew(db: Queryable, job: Job, leaseSeconds: number): Promise<boolean> {
    const rows = await db.query(
      `update jobs set lease_until = now() + make_interval(secs => $4) where workspace = $1 and id = $2 and fence = $3 returning 1`,
      [job.workspace, job.id, job.fence, leaseSeconds],
    );
    return rows.length === 1;
  }

  async finish(tx: Transaction, job: Job): Promise<void> {
    const rows = await tx.query('delete from jobs where workspace = $1 and id = $2 and fence = $3 returning 1', [
      job.workspace,
      job.id,
      job.fence,
    ]);
    if (rows.length !== 1) throw JobErrors.LEASE_LOST(`job ${job.id} is no longer this worker's`, { id: job.id });
  }

  async release(db: Queryable, job: Job, options: { pauseSeconds: number; countAttempt: boolean }): Promise<void> {
    await db.query(
      `update jobs set lease_until = null, worker = null, not_before = now() + make_interval(secs => $4), attempts = attempts - $5
       where workspace = $1 and id = $2 and fence = $3`,
      [job.workspace, job.id, job.fence, options.pauseSeconds, options.countAttempt ? 0 : 1],
    );
  }

  async remove(tx: Transaction, workspace: string, id: string): Promise<void> {
    await tx.query('delete from jobs where workspace = $1 and id = $2', [workspace, id]);
  }

  async waiting(db: Queryable): Promise<{ jobs: number; oldestSeconds: number }> {
    const [row] = await db.query<{ jobs: number; oldest: number }>(
      `select count(*)::int as jobs, coalesce(extract(epoch from now() - min(create_time)), 0)::float8 as oldest
       from jobs where lease_until is null or lease_until < now()`,
    );
    return { jobs: row.jobs, oldestSeconds: row.oldest };
  }
}
