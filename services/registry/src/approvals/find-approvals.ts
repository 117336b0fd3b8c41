// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Database } from '#libs/persistence';
import { type Approval, stateAt } from './approval';
import { type ApprovalQuery, ApprovalsRepository } from './approvals.repository';
import { approvalNotFound } from './decide-approval';

/** Reads approvals, newest first; what expired shows so at once. */
@Injectable()
export class FindApprovals {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly approvals: ApprovalsRepository,
  ) {}

  async byId(workspace: string, id: string): Promise<Approval> {
    const approval = await this.approvals.find(this.db, workspace, id);
    if (!approval) throw approvalNotFound(id);
    return this.shown(approval);
  }

  async execute(workspace: string, query: ApprovalQuery): Promise<{ approvals: Approval[]; nextPageToken: string }> {
    const page = await this.approvals.list(this.db, workspace, query);
    return { ...page, approvals: page.approvals.map((approval) => this.shown(approval)) };
  }

  private shown(approval: Approval): Approval {
    return { ...approval, state: stateAt(approval, this.clock.now()) };
  }
}
