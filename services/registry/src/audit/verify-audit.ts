// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '#libs/persistence';
import { findBreak, GENESIS_HASH } from './audit-entry';
import { AuditLog } from './audit.repository';

const BATCH_ENTRIES = 1000;

export interface AuditVerdict {
  intact: boolean;
  /** Entries that were checked, up to the first that does not fit. */
  entries: number;
  /** First entry that does not fit; 0 = none. */
  brokenSequence: number;
}

/** Recomputes the whole chain of a workspace in one snapshot and compares its end with the head row, so that a cut tail is found too. */
@Injectable()
export class VerifyAudit {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly audit: AuditLog,
  ) {}

  async execute(workspace: string): Promise<AuditVerdict> {
    return this.uow.run(
      async (tx) => {
        const end = await this.audit.head(tx, workspace);
        let head = { sequence: 0, hash: GENESIS_HASH };
        for (;;) {
          const { entries } = await this.audit.list(tx, workspace, {
            subject: '',
            afterSequence: head.sequence,
            limit: BATCH_ENTRIES,
          });
          const broken = findBreak(workspace, head, entries);
          if (broken !== undefined) return { intact: false, entries: broken - 1, brokenSequence: broken };
          const last = entries.at(-1);
          if (!last) break;
          head = { sequence: last.sequence, hash: last.hash };
        }
        if (head.sequence === end.sequence && head.hash === end.hash) {
          return { intact: true, entries: head.sequence, brokenSequence: 0 };
        }
        return { intact: false, entries: head.sequence, brokenSequence: Math.min(head.sequence, end.sequence) + 1 };
      },
      { isolation: 'repeatable read', label: 'verify-audit' },
    );
  }
}
