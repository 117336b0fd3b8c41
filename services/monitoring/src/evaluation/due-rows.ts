// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { toAppError } from '#libs/errors';
import { Logger } from '#libs/observability';
import { UnitOfWork, type Transaction } from '#libs/persistence';
import { MonitoringMetrics } from '../monitoring.metrics';
import type { LoopTask } from './loop-task';

export interface DueWork<Row> {
  task: LoopTask;
  rowsMax: number;
  /** Locks one row that is due; undefined = none is. */
  claim: (tx: Transaction) => Promise<Row | undefined>;
  /** In the transaction of the claim: a process that dies leaves the row due. */
  work: (tx: Transaction, row: Row) => Promise<void>;
  /** Makes it due later, in a transaction of its own. */
  putOff: (tx: Transaction, row: Row, code: string) => Promise<void>;
}

/**
 * Whether the next row would meet the same: each may wait for as long as a statement may take, and hundreds of them would hold up the
 * loop until the probe ends the process.
 */
export function isOutage(error: unknown): boolean {
  const { kind, retry } = toAppError(error);
  return kind === 'unavailable' || retry === 'later';
}

/**
 * Works on rows that are due, the one that waits longest first. One that fails is put off: left due it would come first again, and every
 * row behind it, of every workspace, would wait for ever.
 */
@Injectable()
export class DueRows {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly metrics: MonitoringMetrics,
    private readonly logger: Logger,
  ) {}

  /** Returns how many rows had their turn. An outage, and what fails before a row is claimed or while it is put off, end the pass. */
  async workOn<Row extends { workspace: string; id: string }>(due: DueWork<Row>): Promise<number> {
    for (let done = 0; done < due.rowsMax; done += 1) if (!(await this.one(due))) return done;
    return due.rowsMax;
  }

  /** Counts and logs that one row failed, whose time comes again. */
  report(task: LoopTask, { workspace, id }: { workspace: string; id: string }, error: unknown): void {
    const { code } = toAppError(error);
    this.metrics.loopErrors.inc({ task });
    this.logger.error({ task, workspace, id, code, err: error }, 'this one failed; the others have their turn');
  }

  private async one<Row extends { workspace: string; id: string }>({ task, ...due }: DueWork<Row>): Promise<boolean> {
    let row: Row | undefined;
    try {
      await this.unitOfWork.run(
        async (tx) => {
          row = await due.claim(tx);
          if (row) await due.work(tx, row);
        },
        { label: task },
      );
    } catch (error) {
      if (!row) throw error;
      const failed = row;
      if (!isOutage(error)) this.report(task, failed, error);
      await this.unitOfWork.run((tx) => due.putOff(tx, failed, toAppError(error).code), { label: `put off ${task}` });
      if (isOutage(error)) throw error;
    }
    return row !== undefined;
  }
}
