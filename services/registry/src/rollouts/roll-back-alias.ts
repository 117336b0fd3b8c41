// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { gateway } from '#libs/contracts';
import { Logger } from '#libs/observability';
import type { Transaction } from '#libs/persistence';
import { AliasesRepository } from '../aliases/aliases.repository';
import { MoveAlias } from '../aliases/move-alias';
import { ModelsRepository } from '../models/models.repository';

/**
 * Moves an alias back when a rollout was rolled back: once per rollout, and only while the alias still points to the version
 * that failed. Policies are not asked: the control version was approved before.
 */
@Injectable()
export class RollBackAlias {
  constructor(
    private readonly models: ModelsRepository,
    private readonly aliases: AliasesRepository,
    private readonly moveAlias: MoveAlias,
    private readonly logger: Logger,
  ) {}

  /** True when the alias moved. */
  async execute(tx: Transaction, workspace: string, rollout: gateway.RolloutFinished): Promise<boolean> {
    const { rolloutId, alias, serving, retired, outcome } = rollout;
    if (outcome !== gateway.RolloutOutcome.ROLLOUT_OUTCOME_ROLLED_BACK || alias === '' || !serving || !retired) return false;
    const modelName = retired.modelName;
    const skip = (why: string): false => {
      this.logger.info({ workspace, rolloutId, modelName, alias, why }, 'alias not moved back');
      return false;
    };
    if (!(await this.models.lock(tx, workspace, modelName))) return skip('the model is gone');
    if (await this.aliases.movedByRollout(tx, workspace, modelName, rolloutId)) return skip('done already');
    const current = await this.aliases.find(tx, workspace, modelName, alias);
    if (current !== retired.version) return skip('the alias moved on meanwhile');
    const reason = `rollout ${rolloutId} was rolled back: ${rollout.reason}`;
    const caller = { workspace, actor: rollout.actor || 'service:gateway' };
    return this.moveAlias.execute(tx, caller, { modelName, alias, toVersion: serving.version, reason, rolloutId });
  }
}
