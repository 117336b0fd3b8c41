// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { traceparent } from '#libs/observability';
import type { Transaction } from '#libs/persistence';
import type { JobKind } from './job';
import { JobRunner } from './job-runner';
import { JobsRepository } from './jobs.repository';

/** Where use cases put work: in the transaction of the resource that it makes, with a wake-up after the commit. */
@Injectable()
export class JobQueue {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly runner: JobRunner,
  ) {}

  async submit(tx: Transaction, job: { workspace: string; id: string; kind: JobKind }): Promise<void> {
    await this.jobs.enqueue(tx, { ...job, traceparent: traceparent() });
    tx.afterCommit(() => this.runner.wake());
  }
}
