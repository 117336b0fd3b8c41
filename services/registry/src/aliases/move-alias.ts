// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { CloseApprovals } from '../approvals/close-approvals';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import type { ModelVersion } from '../models/model';
import { ModelsRepository, VersionsRepository } from '../models/models.repository';
import { modelNotFound, versionNotFound } from '../models/not-found';
import { RegistryMetrics } from '../registry.metrics';
import { type AliasMove, aliasSubject } from './alias';
import { AliasesRepository } from './aliases.repository';

/**
 * Moves an alias that may be moved: pointer, history, audit entry and event in the caller's transaction, under the lock of the
 * model's row. Other approvals that wait for the same alias are overtaken. Pointing to where it points already changes nothing.
 */
@Injectable()
export class MoveAlias {
  constructor(
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly aliases: AliasesRepository,
    private readonly audit: AuditLog,
    private readonly events: EventPublisher,
    private readonly closeApprovals: CloseApprovals,
    private readonly metrics: RegistryMetrics,
  ) {}

  /** True when it moved, false when it pointed there already. */
  async execute(tx: Transaction, caller: Caller, move: AliasMove): Promise<boolean> {
    const { workspace } = caller;
    const { modelName, alias, toVersion } = move;
    if (!(await this.models.lock(tx, workspace, modelName))) throw modelNotFound(modelName);
    const target = await this.versions.find(tx, workspace, modelName, toVersion);
    if (!target) throw versionNotFound(modelName, toVersion);
    const fromVersion = await this.aliases.find(tx, workspace, modelName, alias);
    if (fromVersion === toVersion) return false;
    const origin = fromVersion === undefined ? undefined : await this.versions.find(tx, workspace, modelName, fromVersion);
    const { reason, approvalId = '', forced = false, rolloutId = '' } = move;
    const interval = { version: toVersion, actor: caller.actor, reason, approvalId, forced, rolloutId };
    const moveTime = await this.aliases.set(tx, workspace, { modelName, alias }, interval);
    await this.audit.append(tx, caller, {
      action: 'alias.moved',
      subject: aliasSubject(modelName, alias),
      before: { version: fromVersion ?? 0 },
      after: { version: toVersion, approvalId, forced, rolloutId },
      reason,
    });
    await this.closeApprovals.cancelPending(tx, caller, modelName, {
      concerns: (approval) => approval.alias === alias && approval.id !== approvalId,
      reason: `overtaken: ${alias} moved to version ${toVersion}`,
    });
    await this.publish(tx, caller, { ...move, moveTime, from: origin, target });
    tx.afterCommit(() => this.metrics.aliasMoves.inc({ cause: causeOf(move) }));
    return true;
  }

  private async publish(
    tx: Transaction,
    caller: Caller,
    move: AliasMove & { moveTime: Date; from: ModelVersion | undefined; target: ModelVersion },
  ): Promise<void> {
    const { workspace, actor } = caller;
    await this.events.publish(tx, Events.AliasMoved, {
      workspace,
      aggregateId: move.modelName,
      aggregateVersion: await this.models.nextEventVersion(tx, workspace, move.modelName),
      data: {
        modelName: move.modelName,
        alias: move.alias,
        fromVersion: move.from?.version ?? 0,
        toVersion: move.toVersion,
        fromManifestDigest: move.from?.manifestDigest ?? '',
        toManifestDigest: move.target.manifestDigest,
        actor,
        reason: move.reason,
        approvalId: move.approvalId ?? '',
        forced: move.forced ?? false,
        rolloutId: move.rolloutId ?? '',
        moveTime: move.moveTime,
      },
    });
  }
}

function causeOf(move: AliasMove): string {
  if (move.rolloutId) return 'rollback';
  if (move.forced) return 'forced';
  return move.approvalId ? 'approval' : 'free';
}
