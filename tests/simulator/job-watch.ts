// SPDX-License-Identifier: Apache-2.0
import { valuesOf } from './row-values';
import type { Backend, SimPostgres } from './sql/server';
import type { Row, Tx } from './sql/store';

interface Seen {
  fence: number;
  leasedUntilMs: number;
  /** The process that claimed it last. */
  holder?: object;
}

/** Looks at each commit: no claim of a held job, and nothing written for a job by a process that does not hold it. */
export class JobWatch {
  readonly violations: string[] = [];
  private readonly jobs = new Map<string, Seen>();

  constructor(private readonly db: SimPostgres) {
    db.onCommit = (tx) => this.look(tx);
  }

  private look(tx: Tx): void {
    const writer = (tx.session as Backend).owner;
    for (const row of tx.touched) {
      if (row.table.name === 'jobs') this.lookAtJob(row, writer);
      else if (row.table.name === 'marks' || row.table.name === 'outcomes') this.lookAtWork(row, writer);
    }
  }

  private lookAtJob(row: Row, writer?: object): void {
    const value = valuesOf(row);
    const id = value('id') as string;
    const fence = Number(value('fence'));
    const before = this.jobs.get(id);
    const claimed = fence > (before?.fence ?? 0);
    if (claimed && (before?.leasedUntilMs ?? 0) > this.db.nowMs)
      this.violations.push(`job ${id} was claimed while another replica held it`);
    const leasedUntilMs = (value('lease_until') as number | null) ?? 0;
    this.jobs.set(id, { fence, leasedUntilMs, holder: claimed ? writer : before?.holder });
  }

  private lookAtWork(row: Row, writer?: object): void {
    const id = valuesOf(row)('job_id') as string;
    if (this.jobs.get(id)?.holder !== writer)
      this.violations.push(`something was written to ${row.table.name} for job ${id} by a replica that had lost it`);
  }
}
