// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import type { Tag } from '../experiments/experiment';
import { checkKey, checkLength, checkModelName, limits } from '../mlflow/limits';
import { RegistryErrors } from '../registry.errors';
import { isPromptTagged, type RegisteredModel } from './model';
import { ModelsRepository } from './models.repository';

export interface ModelToCreate {
  name: string;
  description?: string;
  tags?: Tag[];
  requestId?: string;
}

/** Creates a registered model; its name must be new in the workspace, also among prompts. */
@Injectable()
export class CreateRegisteredModel {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly clock: Clock,
    private readonly models: ModelsRepository,
    private readonly audit: AuditLog,
  ) {}

  async execute(caller: Caller, input: ModelToCreate): Promise<RegisteredModel> {
    const { workspace } = caller;
    const { requestId, name, description, tags = [] } = input;
    checkModelName(name);
    for (const tag of tags) checkRegistryTag(tag);
    const key = { workspace, operation: 'CreateRegisteredModel', requestId, request: { name, description, tags } };
    return this.uow.run(
      (tx) =>
        this.idempotency.once(tx, key, async () => {
          const created = await this.models.insert(tx, workspace, { name, description, tags, nowMs: this.clock.now().getTime() });
          const model = (await this.models.find(tx, workspace, name))!;
          if (!created) throw nameTaken(model, isPromptTagged(tags));
          await this.audit.append(tx, caller, {
            action: 'model.created',
            subject: `models:/${name}`,
            after: { description, tags },
          });
          return model;
        }),
      { label: 'create-registered-model' },
    );
  }
}

/** Refuses keys and values of model and version tags past the stock server's limits. */
export function checkRegistryTag(tag: Tag): void {
  checkKey(tag.key);
  checkLength('key', tag.key, limits.keyCharacters);
  checkLength('value', tag.value, limits.registryTagValueCharacters);
}

function nameTaken(existing: RegisteredModel, isPrompt: boolean): Error {
  const noun = (prompt: boolean): string => (prompt ? 'Prompt' : 'Registered Model');
  if (existing.isPrompt === isPrompt) {
    return RegistryErrors.MODEL_EXISTS(`${noun(isPrompt)} (name=${existing.name}) already exists.`, { name: existing.name });
  }
  return RegistryErrors.MODEL_EXISTS(
    `Tried to create a ${noun(isPrompt).toLowerCase()} with name '${existing.name}', but the name is already taken by a` +
      ` ${noun(existing.isPrompt).toLowerCase()}. MLflow does not allow creating a model and a prompt with the same name.`,
    { name: existing.name },
  );
}
