// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Logger } from '#libs/observability';
import { Database } from '#libs/persistence';
import { JobFolders } from './job-folders';
import { JobsRepository } from './jobs.repository';
import { WorkFiles } from './work-files';

const PAUSE_MS = 10 * 60_000;
/** Folders that are asked for at once. */
const BATCH_FOLDERS = 1000;

/**
 * Removes the files of jobs that have ended but could not take them along: cancelled while they waited, ended by another process, or
 * by one that was killed right then. Files of a job that is not known stay: the database may have been put back to a backup.
 */
@Injectable()
export class SweepJobFolders {
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;

  constructor(
    private readonly folders: JobFolders,
    private readonly files: WorkFiles,
    private readonly jobs: JobsRepository,
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Returns how many were removed. */
  async execute(): Promise<number> {
    const found = await this.folders.list();
    let removed = 0;
    for (let start = 0; start < found.length; start += BATCH_FOLDERS) {
      const ended = await this.jobs.ended(this.database, found.slice(start, start + BATCH_FOLDERS));
      for (const job of ended) await this.files.remove(this.folders.ofJob(job));
      removed += ended.length;
    }
    if (removed > 0) this.logger.info({ removed }, 'files of ended jobs removed');
    return removed;
  }

  start(): void {
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.execute();
      } catch (error) {
        // The database or the disk may be away; the next round tries again.
        this.logger.warn({ err: error }, 'files of ended jobs not removed');
      }
      await this.clock.sleepUnlessAborted(PAUSE_MS, this.stopping.signal);
    }
  }
}
