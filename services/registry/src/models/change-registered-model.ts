// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { type Transaction, UnitOfWork } from '#libs/persistence';
import { CarryAliases } from '../aliases/carry-aliases';
import { DeleteAlias } from '../aliases/delete-alias';
import { CloseApprovals } from '../approvals/close-approvals';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import type { Tag } from '../experiments/experiment';
import { checkKey, checkModelName } from '../mlflow/limits';
import { checkRegistryTag } from './create-registered-model';
import type { RegisteredModel } from './model';
import { ModelsRepository } from './models.repository';
import { modelNotFound } from './not-found';

export type ModelChange =
  | { kind: 'describe'; description: string | undefined }
  | { kind: 'rename'; name: string }
  | { kind: 'delete' }
  | { kind: 'set-tag'; tag: Tag }
  | { kind: 'delete-tag'; key: string };

/** Describes, renames, deletes or tags a registered model. One with a protected alias cannot be renamed or deleted. */
@Injectable()
export class ChangeRegisteredModel {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly models: ModelsRepository,
    private readonly audit: AuditLog,
    private readonly deleteAlias: DeleteAlias,
    private readonly carryAliases: CarryAliases,
    private readonly closeApprovals: CloseApprovals,
  ) {}

  /** The model after the change, under its new name; undefined when it was deleted. */
  async execute(caller: Caller, name: string, change: ModelChange): Promise<RegisteredModel | undefined> {
    checkModelName(name);
    return this.uow.run(
      async (tx) => {
        const model = await this.models.lock(tx, caller.workspace, name);
        if (!model) throw modelNotFound(name);
        const record = await this.apply(tx, caller, model, change);
        await this.audit.append(tx, caller, { ...record, subject: `models:/${name}` });
        return this.models.find(tx, caller.workspace, change.kind === 'rename' ? change.name : name);
      },
      { label: 'change-registered-model' },
    );
  }

  private async apply(
    tx: Transaction,
    caller: Caller,
    model: RegisteredModel,
    change: ModelChange,
  ): Promise<{ action: string; before?: unknown; after?: unknown }> {
    const { workspace } = caller;
    const { name } = model;
    switch (change.kind) {
      case 'describe':
        await this.models.setDescription(tx, workspace, name, change.description);
        return {
          action: 'model.described',
          before: { description: model.description },
          after: { description: change.description },
        };
      case 'rename':
        checkModelName(change.name, 'new_name');
        if (change.name !== name) await this.carryAliases.leave(tx, caller, model);
        await this.models.rename(tx, workspace, name, change.name);
        if (change.name !== name) await this.carryAliases.arrive(tx, caller, model, change.name);
        return { action: 'model.renamed', before: { name }, after: { name: change.name } };
      case 'delete':
        for (const { alias } of model.aliases) await this.deleteAlias.execute(tx, caller, { modelName: name, alias });
        await this.closeApprovals.cancelPending(tx, caller, name, { concerns: () => true, reason: 'the model was deleted' });
        await this.models.delete(tx, workspace, name);
        return { action: 'model.deleted', before: { lastVersion: model.lastVersion } };
      case 'set-tag':
        checkRegistryTag(change.tag);
        await this.models.setTag(tx, workspace, name, change.tag);
        return { action: 'model.tagged', after: change.tag };
      case 'delete-tag':
        checkKey(change.key);
        await this.models.deleteTag(tx, workspace, name, change.key);
        return { action: 'model.untagged', before: { key: change.key } };
    }
  }
}
