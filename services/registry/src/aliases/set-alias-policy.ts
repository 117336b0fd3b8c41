// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { checkAliasName, checkModelName } from '../mlflow/limits';
import { ModelsRepository } from '../models/models.repository';
import { type AliasPolicy, aliasSubject } from './alias';
import { AliasesRepository } from './aliases.repository';

const APPROVALS_MAX = 20;
const RULES_MAX = 100;

/** Says how an alias is protected. The model is created when it is missing: policies come before the first version. */
@Injectable()
export class SetAliasPolicy {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly clock: Clock,
    private readonly models: ModelsRepository,
    private readonly aliases: AliasesRepository,
    private readonly audit: AuditLog,
  ) {}

  async execute(caller: Caller, input: { modelName: string; policy: AliasPolicy; requestId?: string }): Promise<AliasPolicy> {
    const { workspace } = caller;
    const { modelName, policy, requestId } = input;
    checkModelName(modelName);
    checkAliasName(policy.alias);
    checkPolicy(policy);
    const key = { workspace, operation: 'SetAliasPolicy', requestId, request: { modelName, policy } };
    return this.uow.run(
      (tx) =>
        this.idempotency.once(tx, key, async () => {
          const nowMs = this.clock.now().getTime();
          if (await this.models.insert(tx, workspace, { name: modelName, tags: [], nowMs })) {
            await this.audit.append(tx, caller, { action: 'model.created', subject: `models:/${modelName}` });
          }
          await this.models.lock(tx, workspace, modelName);
          const before = await this.aliases.policy(tx, workspace, modelName, policy.alias);
          await this.aliases.setPolicy(tx, workspace, modelName, policy);
          const subject = aliasSubject(modelName, policy.alias);
          await this.audit.append(tx, caller, { action: 'alias-policy.set', subject, before, after: policy });
          return policy;
        }),
      { label: 'set-alias-policy' },
    );
  }
}

function checkPolicy(policy: AliasPolicy): void {
  const { approvalsRequired, evidence } = policy;
  if (!Number.isInteger(approvalsRequired) || approvalsRequired < 0 || approvalsRequired > APPROVALS_MAX) {
    throw invalidFields({ field: 'policy.approvals_required', message: `must be a whole number from 0 to ${APPROVALS_MAX}` });
  }
  if (evidence.length > RULES_MAX) {
    throw invalidFields({ field: 'policy.evidence', message: `must have at most ${RULES_MAX} rules` });
  }
  const violations = evidence.flatMap((rule, index) => {
    const at = `policy.evidence[${index}]`;
    return [
      ...(rule.slice === '' ? [{ field: `${at}.slice`, message: 'must not be empty' }] : []),
      ...(rule.metric === '' ? [{ field: `${at}.metric`, message: 'must not be empty' }] : []),
      ...(Number.isFinite(rule.valueMin) ? [] : [{ field: `${at}.value_min`, message: 'must be a finite number' }]),
      ...(Number.isFinite(rule.dropMax) ? [] : [{ field: `${at}.drop_max`, message: 'must be a finite number' }]),
    ];
  });
  if (violations.length > 0) throw invalidFields(...violations);
}
