// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import { MoveAlias } from '../aliases/move-alias';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { ModelsRepository } from '../models/models.repository';
import { RegistryErrors } from '../registry.errors';
import { type Approval, castVote } from './approval';
import { ApprovalsRepository } from './approvals.repository';
import { CloseApprovals } from './close-approvals';

const COMMENT_CHARACTERS_MAX = 4000;

export interface Decision {
  approvalId: string;
  approve: boolean;
  comment: string;
  requestId?: string;
}

/** Counts one person's word. The last yes that was missing moves the alias in the same transaction. */
@Injectable()
export class DecideApproval {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly clock: Clock,
    private readonly models: ModelsRepository,
    private readonly approvals: ApprovalsRepository,
    private readonly audit: AuditLog,
    private readonly closeApprovals: CloseApprovals,
    private readonly moveAlias: MoveAlias,
  ) {}

  async execute(caller: Caller, input: Decision): Promise<Approval> {
    if (input.comment.length > COMMENT_CHARACTERS_MAX) {
      throw invalidFields({ field: 'comment', message: `must have at most ${COMMENT_CHARACTERS_MAX} characters` });
    }
    const { requestId, ...decision } = input;
    // Another person's call with the same request id is another request.
    const request = { ...decision, subject: caller.actor };
    const key = { workspace: caller.workspace, operation: 'DecideApproval', requestId, request };
    return this.uow.run((tx) => this.idempotency.once(tx, key, () => this.decide(tx, caller, input)), {
      label: 'decide-approval',
    });
  }

  private async decide(tx: Transaction, caller: Caller, input: Decision): Promise<Approval> {
    const { workspace } = caller;
    const known = await this.approvals.find(tx, workspace, input.approvalId);
    if (!known) throw approvalNotFound(input.approvalId);
    // The model first, then the approval: the order in which moves take their locks.
    await this.models.lock(tx, workspace, known.modelName);
    const approval = (await this.approvals.lock(tx, workspace, known.id))!;
    const vote = { subject: caller.actor, approve: input.approve, comment: input.comment, voteTime: this.clock.now() };
    const state = castVote(approval, vote);
    await this.approvals.addVote(tx, workspace, approval.id, vote);
    await this.audit.append(tx, caller, {
      action: 'approval.voted',
      subject: `approvals:/${approval.id}`,
      after: { approve: vote.approve },
      reason: vote.comment,
    });
    if (state !== 'PENDING') await this.closeApprovals.execute(tx, caller, approval, { state, reason: vote.comment });
    if (state === 'APPROVED') {
      const { modelName, alias, version, reason, forcedRules } = approval;
      const forced = forcedRules.length > 0;
      const why = forced ? `${reason} (forced past: ${forcedRules.join('; ')})` : reason;
      await this.moveAlias.execute(tx, caller, {
        modelName,
        alias,
        toVersion: version,
        reason: why,
        approvalId: approval.id,
        forced,
      });
    }
    return (await this.approvals.find(tx, workspace, approval.id))!;
  }
}

export function approvalNotFound(approvalId: string): Error {
  return RegistryErrors.APPROVAL_NOT_FOUND(`approval ${JSON.stringify(approvalId)} not found`, { approvalId });
}
