// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { training } from '#libs/contracts';
import type { Transaction } from '#libs/persistence';
import type { Caller } from '../caller';
import type { RunInfo, RunStatus } from '../runs/run';
import { RunsRepository } from '../runs/runs.repository';
import { progressMetricsOf } from './job-run';
import { LiveRuns } from './live-runs';

/** A fact of a job before its success, with the time it happened. */
export type JobFact =
  | { kind: 'queued'; data: training.JobQueued; time: Date }
  | { kind: 'started'; data: training.JobStarted; time: Date }
  | { kind: 'progressed'; data: training.JobProgressed; time: Date }
  | { kind: 'failed'; data: training.JobFailed; time: Date }
  | { kind: 'cancelled'; data: training.JobCancelled; time: Date };

// A job ends once.
const ENDED: readonly RunStatus[] = ['FINISHED', 'FAILED', 'KILLED'];

/** Keeps the run of a job current while it waits, trains, fails or is cancelled: its curves can be watched. */
@Injectable()
export class RecordJobProgress {
  constructor(
    private readonly liveRuns: LiveRuns,
    private readonly runs: RunsRepository,
  ) {}

  async execute(tx: Transaction, caller: Caller, fact: JobFact): Promise<void> {
    const { workspace } = caller;
    const run = await this.liveRuns.ensure(tx, caller, { ...fact.data, startTime: fact.time });
    // What a job says comes in order, but a letter that was put aside is replayed after what followed it. Curves are welcome late.
    if (ENDED.includes(run.status) && fact.kind !== 'progressed') return;
    const update = (change: Partial<RunInfo>): Promise<void> => this.runs.update(tx, workspace, { ...run, ...change });
    switch (fact.kind) {
      case 'queued':
        return;
      case 'started':
        // A later attempt keeps the start of the first one.
        return update({
          status: 'RUNNING',
          startMs: run.status === 'SCHEDULED' ? fact.time.getTime() : run.startMs,
          endMs: undefined,
        });
      case 'progressed':
        return this.runs.addMetrics(tx, workspace, run.id, progressMetricsOf(fact.data, fact.time));
      case 'failed':
        await this.runs.setTags(tx, workspace, run.id, [
          { key: 'millrace.failure_code', value: fact.data.code },
          { key: 'millrace.failure', value: fact.data.message.slice(0, 8000) },
        ]);
        return update({ status: 'FAILED', endMs: fact.time.getTime() });
      case 'cancelled':
        await this.runs.setTags(tx, workspace, run.id, [{ key: 'millrace.cancelled_by', value: fact.data.cancelledBy }]);
        return update({ status: 'KILLED', endMs: fact.time.getTime() });
    }
  }
}
