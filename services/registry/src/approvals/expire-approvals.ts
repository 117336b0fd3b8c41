// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '#libs/persistence';
import { ApprovalsRepository } from './approvals.repository';
import { CloseApprovals } from './close-approvals';

const BATCH_APPROVALS = 100;

/** Writes down that approvals ended without a decision. Returns how many. */
@Injectable()
export class ExpireApprovals {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly approvals: ApprovalsRepository,
    private readonly closeApprovals: CloseApprovals,
  ) {}

  async execute(): Promise<number> {
    return this.uow.run(
      async (tx) => {
        const due = await this.approvals.lockDue(tx, BATCH_APPROVALS);
        for (const { workspace, id } of due) {
          const approval = await this.approvals.find(tx, workspace, id);
          const caller = { workspace, actor: 'service:registry' };
          await this.closeApprovals.execute(tx, caller, approval!, { state: 'EXPIRED', reason: 'nobody decided in time' });
        }
        return due.length;
      },
      { label: 'expire-approvals' },
    );
  }
}
