// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events, registry } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import type { Approval, ApprovalState } from './approval';
import { ApprovalsRepository } from './approvals.repository';

const STATES: Record<ApprovalState, registry.ApprovalState> = {
  PENDING: registry.ApprovalState.APPROVAL_STATE_PENDING,
  APPROVED: registry.ApprovalState.APPROVAL_STATE_APPROVED,
  REJECTED: registry.ApprovalState.APPROVAL_STATE_REJECTED,
  EXPIRED: registry.ApprovalState.APPROVAL_STATE_EXPIRED,
  CANCELLED: registry.ApprovalState.APPROVAL_STATE_CANCELLED,
};

export function approvalStateToProto(state: ApprovalState): registry.ApprovalState {
  return STATES[state];
}

/** The state of that proto value; undefined for UNSPECIFIED. */
export function approvalStateFromProto(state: registry.ApprovalState): ApprovalState | undefined {
  return (Object.keys(STATES) as ApprovalState[]).find((name) => STATES[name] === state);
}

/** Ends approvals: state, audit entry and event together. */
@Injectable()
export class CloseApprovals {
  constructor(
    private readonly clock: Clock,
    private readonly approvals: ApprovalsRepository,
    private readonly audit: AuditLog,
    private readonly events: EventPublisher,
  ) {}

  async execute(
    tx: Transaction,
    caller: Caller,
    approval: Approval,
    end: { state: ApprovalState; reason: string },
  ): Promise<void> {
    const { workspace } = caller;
    await this.approvals.setState(tx, workspace, approval.id, { state: end.state, time: this.clock.now() });
    await this.audit.append(tx, caller, {
      action: `approval.${end.state.toLowerCase()}`,
      subject: `approvals:/${approval.id}`,
      before: { state: approval.state },
      after: { state: end.state, modelName: approval.modelName, alias: approval.alias, version: approval.version },
      reason: end.reason,
    });
    await this.events.publish(tx, Events.ApprovalDecided, {
      workspace,
      aggregateId: approval.id,
      aggregateVersion: await this.approvals.nextEventVersion(tx, workspace, approval.id),
      data: {
        approvalId: approval.id,
        state: approvalStateToProto(end.state),
        modelName: approval.modelName,
        alias: approval.alias,
        version: approval.version,
        decidedBy: caller.actor,
        reason: end.reason,
        pipelineRunId: approval.pipelineRunId,
      },
    });
  }

  /** Cancels what waits on a model, for those that `concerns` picks: something else happened to it meanwhile. */
  async cancelPending(
    tx: Transaction,
    caller: Caller,
    modelName: string,
    cancel: { concerns: (approval: Approval) => boolean; reason: string },
  ): Promise<void> {
    for (const approval of await this.approvals.lockPending(tx, caller.workspace, modelName)) {
      if (cancel.concerns(approval)) await this.execute(tx, caller, approval, { state: 'CANCELLED', reason: cancel.reason });
    }
  }
}
