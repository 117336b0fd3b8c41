// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { UnitOfWork, type Transaction } from '#libs/persistence';
import { ApprovalsRepository } from './approvals.repository';
import { CloseApprovals } from './close-approvals';

const APPROVALS_PER_SWEEP = 100;

/** What one sweep did; each failure is of one approval, which the next sweep tries again. */
export interface Expired {
  ended: number;
  failures: unknown[];
}

/**
 * Writes down that approvals ended without a decision, each in a transaction of its own: one that cannot be ended does not keep the
 * others, of other workspaces too, from their end, and no workspace's audit waits for that of another one.
 */
@Injectable()
export class ExpireApprovals {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly approvals: ApprovalsRepository,
    private readonly closeApprovals: CloseApprovals,
  ) {}

  async execute(): Promise<Expired> {
    const expired: Expired = { ended: 0, failures: [] };
    const failed: string[] = [];
    while (expired.ended + failed.length < APPROVALS_PER_SWEEP) {
      let id: string | undefined;
      try {
        await this.uow.run(
          async (tx) => {
            const due = await this.approvals.lockDue(tx, failed);
            id = due?.id;
            if (due) await this.expire(tx, due);
          },
          { label: 'expire-approval' },
        );
      } catch (error) {
        if (id === undefined) throw error;
        failed.push(id);
        expired.failures.push(error);
        continue;
      }
      if (id === undefined) break;
      expired.ended += 1;
    }
    return expired;
  }

  private async expire(tx: Transaction, { workspace, id }: { workspace: string; id: string }): Promise<void> {
    const approval = await this.approvals.find(tx, workspace, id);
    const caller = { workspace, actor: 'service:registry' };
    await this.closeApprovals.execute(tx, caller, approval!, { state: 'EXPIRED', reason: 'nobody decided in time' });
  }
}
