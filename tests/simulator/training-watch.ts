// SPDX-License-Identifier: Apache-2.0
import { Events } from '#libs/contracts';
import { type RowValue, valuesOf } from './row-values';
import type { Backend, SimPostgres } from './sql/server';
import type { Row, Tx } from './sql/store';

interface Seen {
  token: number;
  leasedUntilMs: number;
  /** The process that claimed it last, until it gives it back. */
  holder?: object;
  value: RowValue;
}

interface Writer {
  process?: object;
  /** Jobs and runs that it held when it wrote, or that are for everybody. */
  allowed: Set<string>;
}

/** What only the holder of a job may change. */
const JOB_WORK = ['state', 'inputs', 'attempts', 'failures', 'progress', 'result', 'error', 'lease_until'];
/** The same of a pipeline run. Facts come from others. */
const RUN_WORK = ['state', 'work', 'last_error', 'lease_until'];

const ENDS: Record<string, string> = {
  [Events.JobSucceeded.type]: 'succeeded',
  [Events.EvaluationSucceeded.type]: 'succeeded',
  [Events.JobFailed.type]: 'failed',
  [Events.EvaluationFailed.type]: 'failed',
  [Events.JobCancelled.type]: 'cancelled',
};

/**
 * Looks at each commit: no claim of what another one holds, nothing written for it by a process that has lost it, nothing after its
 * end, and no success of what was cancelled. Cancelling what nobody holds is for everybody.
 */
export class TrainingWatch {
  readonly violations: string[] = [];
  /** States of jobs as their last events told them. */
  readonly ends = new Map<string, string[]>();
  /** Told of each model that a pipeline run trained. */
  onModel: (runId: string) => void = () => undefined;
  private readonly jobs = new Map<string, Seen>();
  private readonly runs = new Map<string, Seen>();
  private readonly versions = new Set<string>();

  constructor(private readonly db: SimPostgres) {
    db.onCommit = (tx) => this.look(tx);
  }

  private look(tx: Tx): void {
    const by: Writer = { process: (tx.session as Backend).owner, allowed: new Set() };
    for (const row of tx.touched) {
      if (row.table.name === 'jobs') this.lookAt(row, this.jobs, by);
      else if (row.table.name === 'pipeline_runs') this.lookAt(row, this.runs, by);
    }
    for (const row of tx.touched) {
      if (row.table.name === 'outbox') this.told(valuesOf(row));
      else if (row.table.name === 'job_attempts' || row.table.name === 'job_checkpoints') this.history(row, by);
    }
  }

  private lookAt(row: Row, all: Map<string, Seen>, { process, allowed }: Writer): void {
    const value = valuesOf(row);
    const id = value('id') as string;
    const token = Number(value('lease_token'));
    const before = all.get(id);
    const [what, work] = all === this.jobs ? (['job', JOB_WORK] as const) : (['run', RUN_WORK] as const);
    const isClaim = token > (before?.token ?? 0) && value('lease_until') !== null;
    const isHeld = (before?.leasedUntilMs ?? 0) > this.db.nowMs;
    if (isClaim && isHeld) this.violations.push(`${what} ${id} was claimed while another replica held it`);
    const changed = before && !isClaim ? work.filter((column) => value(column) !== before.value(column)) : [];
    const isCancel = changed.includes('state') && value('state') === 'cancelled';
    // A run is cancelled whoever holds it: its driver looks at the state. A job that is held is not.
    const mayCancel = isCancel && (what === 'run' || before?.value('lease_until') === null);
    if (mayCancel || isClaim || before?.holder === process) allowed.add(id);
    else if (changed.length > 0)
      this.violations.push(`${changed.join(', ')} of ${what} ${id} was written by a replica that had lost it`);
    if (before && before.value('end_time') !== null && changed.length > 0)
      this.violations.push(`${changed.join(', ')} of ${what} ${id} was written after its end`);
    if (what === 'job' && value('state') === 'succeeded' && value('cancel') !== null)
      this.violations.push(`job ${id} succeeded although it was cancelled`);
    const leasedUntilMs = (value('lease_until') as number | null) ?? 0;
    const frozen = new Map([...work, 'end_time'].map((column) => [column, value(column)]));
    all.set(id, {
      token,
      leasedUntilMs,
      holder: isClaim ? process : value('lease_until') === null ? undefined : before?.holder,
      value: (column) => frozen.get(column),
    });
  }

  private history(row: Row, { process, allowed }: Writer): void {
    const id = valuesOf(row)('job_id') as string;
    if (this.jobs.get(id)?.holder !== process && !allowed.has(id))
      this.violations.push(`something was written to ${row.table.name} for job ${id} by a replica that had lost it`);
  }

  private told(value: RowValue): void {
    const id = value('aggregateid') as string;
    const type = value('type') as string;
    const { ce_aggregateversion: version } = value('headers') as Record<string, string>;
    if (this.versions.has(`${id}/${version}`)) this.violations.push(`two events tell of version ${version} of ${id}`);
    this.versions.add(`${id}/${version}`);
    if (ENDS[type]) this.ends.set(id, [...(this.ends.get(id) ?? []), ENDS[type]]);
    if (type !== Events.JobSucceeded.type) return;
    const { pipelineRunId } = JSON.parse(value('payload') as string) as { pipelineRunId?: string };
    if (pipelineRunId) this.onModel(pipelineRunId);
  }
}
