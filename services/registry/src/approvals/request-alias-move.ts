// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields } from '#libs/errors';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import { AliasesRepository } from '../aliases/aliases.repository';
import { MoveAlias } from '../aliases/move-alias';
import type { Caller } from '../caller';
import { checkAliasName } from '../mlflow/limits';
import { ModelsRepository, VersionsRepository } from '../models/models.repository';
import { modelNotFound, versionNotFound } from '../models/not-found';
import type { AliasMoveRequest } from './alias-move-request';
import type { Approval } from './approval';
import { CheckAliasPolicy } from './check-alias-policy';
import { OpenApproval } from './open-approval';

const REASON_CHARACTERS_MAX = 4000;

export interface AliasMoveAnswer {
  moved: boolean;
  /** Pending, when the policy asks for people. */
  approval?: Approval;
}

/** Asks to move an alias: checks the policy's evidence, then moves at once or opens an approval. */
@Injectable()
export class RequestAliasMove {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly aliases: AliasesRepository,
    private readonly checkPolicy: CheckAliasPolicy,
    private readonly moveAlias: MoveAlias,
    private readonly openApproval: OpenApproval,
  ) {}

  async execute(caller: Caller, input: AliasMoveRequest): Promise<AliasMoveAnswer> {
    checkAliasName(input.alias);
    checkReason(input);
    const { requestId, ...request } = input;
    const key = { workspace: caller.workspace, operation: 'RequestAliasMove', requestId, request };
    return this.uow.run((tx) => this.idempotency.once(tx, key, () => this.decide(tx, caller, input)), {
      label: 'request-alias-move',
    });
  }

  private async decide(tx: Transaction, caller: Caller, input: AliasMoveRequest): Promise<AliasMoveAnswer> {
    const { workspace } = caller;
    const { modelName, alias } = input;
    if (!(await this.models.lock(tx, workspace, modelName))) throw modelNotFound(modelName);
    const version = await this.versions.find(tx, workspace, modelName, input.version);
    if (!version) throw versionNotFound(modelName, input.version);
    const currentVersion = await this.aliases.find(tx, workspace, modelName, alias);
    if (currentVersion === version.version) return { moved: true };
    const policy = await this.aliases.policy(tx, workspace, modelName, alias);
    const forcedRules = policy
      ? await this.checkPolicy.execute(tx, caller, { policy, version, currentVersion, request: input })
      : [];
    const reason = forcedRules.length > 0 ? `${input.reason} (forced past: ${forcedRules.join('; ')})` : input.reason;
    if (!policy || policy.approvalsRequired === 0) {
      const move = { modelName, alias, toVersion: version.version, reason, forced: forcedRules.length > 0 };
      await this.moveAlias.execute(tx, caller, move);
      return { moved: true };
    }
    return { moved: false, approval: await this.openApproval.execute(tx, caller, { ...input, policy, forcedRules }) };
  }
}

function checkReason({ reason, force }: AliasMoveRequest): void {
  if (reason.length > REASON_CHARACTERS_MAX) {
    throw invalidFields({ field: 'reason', message: `must have at most ${REASON_CHARACTERS_MAX} characters` });
  }
  if (force && reason.trim() === '') throw invalidFields({ field: 'reason', message: 'must say why the move is forced' });
}
