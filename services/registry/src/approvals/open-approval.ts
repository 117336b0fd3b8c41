// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { type AliasPolicy, aliasSubject } from '../aliases/alias';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { RegistrySettings } from '../config';
import { RegistryErrors } from '../registry.errors';
import { RegistryMetrics } from '../registry.metrics';
import type { AliasMoveRequest } from './alias-move-request';
import type { Approval } from './approval';
import { ApprovalsRepository } from './approvals.repository';

const DAY_MS = 86_400_000;

/** Opens an approval in the caller's transaction: row, audit entry and event. */
@Injectable()
export class OpenApproval {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly settings: RegistrySettings,
    private readonly approvals: ApprovalsRepository,
    private readonly audit: AuditLog,
    private readonly events: EventPublisher,
    private readonly metrics: RegistryMetrics,
  ) {}

  async execute(
    tx: Transaction,
    caller: Caller,
    input: AliasMoveRequest & { policy: AliasPolicy; forcedRules: string[] },
  ): Promise<Approval> {
    const { workspace, actor } = caller;
    const { modelName, alias, version, reason, pipelineRunId, policy, forcedRules } = input;
    const waiting = await this.approvals.pending(tx, workspace, { modelName, alias });
    const now = this.clock.now();
    const same = waiting.find((other) => other.version === version);
    if (same) {
      throw RegistryErrors.APPROVAL_PENDING(`moving ${alias} to version ${version} already waits for approval ${same.id}`, {
        approvalId: same.id,
      });
    }
    const approval: Approval = {
      id: this.ids.next(),
      modelName,
      alias,
      version,
      state: 'PENDING',
      requestedBy: actor,
      reason,
      approvalsRequired: policy.approvalsRequired,
      votes: [],
      forcedRules,
      pipelineRunId,
      createTime: now,
      expireTime: new Date(now.getTime() + this.settings.approvalDaysMax * DAY_MS),
      updateTime: now,
    };
    await this.approvals.insert(tx, workspace, approval);
    const after = { approvalId: approval.id, version, forcedRules, approvalsRequired: policy.approvalsRequired };
    await this.audit.append(tx, caller, { action: 'approval.requested', subject: aliasSubject(modelName, alias), after, reason });
    await this.events.publish(tx, Events.ApprovalRequested, {
      workspace,
      aggregateId: approval.id,
      aggregateVersion: await this.approvals.nextEventVersion(tx, workspace, approval.id),
      data: {
        approvalId: approval.id,
        modelName,
        alias,
        version,
        requestedBy: actor,
        reason,
        approvalsRequired: policy.approvalsRequired,
        pipelineRunId,
      },
    });
    tx.afterCommit(() => this.metrics.approvalsRequested.inc());
    return approval;
  }
}
