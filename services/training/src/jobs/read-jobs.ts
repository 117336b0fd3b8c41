// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Database, decodePageToken, encodePageToken, pageSize, readFitting } from '#libs/persistence';
import type { AttemptRecord, CheckpointRecord, JobEventRecord, JobKind, JobRecord } from './job';
import { type JobCursor, type JobFilter, type JobKey, JobsRepository } from './jobs.repository';

export interface PageRequest {
  pageSize?: number;
  pageToken?: string;
}

export interface Page<T> {
  items: T[];
  nextPageToken: string;
}

/** A job with what is told only about one. */
export interface JobDetail {
  job: JobRecord;
  attempts: AttemptRecord[];
  queuePosition: number;
}

/** Reads of jobs and evaluation jobs, each within one workspace. */
@Injectable()
export class ReadJobs {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly database: Database,
  ) {}

  /** Throws NOT_FOUND, also for a job of another kind or workspace. */
  async find(workspace: string, id: string, kind?: JobKind): Promise<JobRecord> {
    const job = await this.jobs.find(this.database, { workspace, id }, kind);
    if (!job) throw notFound(kind === 'evaluation' ? 'evaluation job' : 'job', id);
    return job;
  }

  async detail(workspace: string, id: string, kind: JobKind): Promise<JobDetail> {
    const job = await this.find(workspace, id, kind);
    const attempts = await this.jobs.listAttempts(this.database, job);
    return { job, attempts, queuePosition: await this.jobs.queuePosition(this.database, job) };
  }

  async list(workspace: string, filter: JobFilter, page: PageRequest): Promise<Page<JobRecord>> {
    const size = pageSize(page.pageSize);
    const tokenFilter = ['jobs', workspace, filter];
    const keys = decodePageToken(page.pageToken, ['time', 'text'], tokenFilter);
    const after = keys && { createTime: String(keys[0]), id: String(keys[1]) };
    const { items, isLast } = await readFitting<JobRecord, JobCursor>(size, {
      after,
      read: (rows, from) => this.jobs.list(this.database, workspace, filter, { size: rows, ...(from ? { after: from } : {}) }),
      keyOf: ({ createTime, id }) => ({ createTime: createTime.toISOString(), id }),
    });
    const last = items.at(-1);
    return { items, nextPageToken: !isLast && last ? encodePageToken([last.createTime, last.id], tokenFilter) : '' };
  }

  async events(key: JobKey, page: PageRequest): Promise<Page<JobEventRecord>> {
    await this.find(key.workspace, key.id);
    const size = pageSize(page.pageSize);
    const [after] = decodePageToken(page.pageToken, ['integer'], ['events', key]) ?? [0];
    const rows = await this.jobs.listEvents(this.database, key, { size: size + 1, after: Number(after) });
    const items = rows.slice(0, size);
    return { items, nextPageToken: rows.length > size ? encodePageToken([items.at(-1)?.sequence ?? 0], ['events', key]) : '' };
  }

  /** Events after a sequence, for watchers; no page token. */
  eventsAfter(key: JobKey, after: number, size: number): Promise<JobEventRecord[]> {
    return this.jobs.listEvents(this.database, key, { size, after });
  }

  async checkpoints(key: JobKey, page: PageRequest): Promise<Page<CheckpointRecord>> {
    await this.find(key.workspace, key.id, 'fine-tune');
    const size = pageSize(page.pageSize);
    const keys = decodePageToken(page.pageToken, ['integer'], ['checkpoints', key]);
    const before = keys && Number(keys[0]);
    const rows = await this.jobs.listCheckpoints(this.database, key, {
      size: size + 1,
      ...(before === undefined ? {} : { before }),
    });
    const items = rows.slice(0, size);
    return { items, nextPageToken: rows.length > size ? encodePageToken([items.at(-1)?.step ?? 0], ['checkpoints', key]) : '' };
  }
}
