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

  /** Returns how many rows had their turn. What fails before a row is claimed, or while it is put off, ends the pass. */
  async workOn<Row extends { workspace: string; id: string }>(due: DueWork<Row>): Promise<number> {
    for (let done = 0; done < due.rowsMax; done += 1) if (!(await this.one(due))) return done;
    return due.rowsMax;
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
      const { workspace, id } = row;
      const { code } = toAppError(error);
      this.metrics.loopErrors.inc({ task });
      this.logger.error({ task, workspace, id, code, err: error }, 'this one failed and is put off');
      const failed = row;
      await this.unitOfWork.run((tx) => due.putOff(tx, failed, code), { label: `put off ${task}` });
    }
    return row !== undefined;
  }
}
