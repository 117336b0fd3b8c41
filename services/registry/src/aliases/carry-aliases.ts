// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import type { Caller } from '../caller';
import type { RegisteredModel } from '../models/model';
import { ModelsRepository, VersionsRepository } from '../models/models.repository';
import { DeleteAlias } from './delete-alias';

/**
 * Tells that the aliases of a model go on under its new name, in the transaction of the rename: whoever follows the old name learns
 * that it leads nowhere, whoever follows the new one where it leads. A protected alias keeps its name: under the old one another model
 * could take its place unasked.
 */
@Injectable()
export class CarryAliases {
  constructor(
    private readonly clock: Clock,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly deleteAlias: DeleteAlias,
    private readonly events: EventPublisher,
  ) {}

  /** Before the rename, under the lock of the model's row. Throws REGISTRY.ALIAS_PROTECTED. */
  async leave(tx: Transaction, { workspace, actor }: Caller, model: RegisteredModel): Promise<void> {
    for (const { alias, version } of model.aliases) {
      await this.deleteAlias.checkUnprotected(tx, workspace, { modelName: model.name, alias });
      await this.events.publish(tx, Events.AliasDeleted, {
        workspace,
        aggregateId: model.name,
        aggregateVersion: await this.models.nextEventVersion(tx, workspace, model.name),
        data: { modelName: model.name, alias, fromVersion: version, actor },
      });
    }
  }

  /** After the rename. */
  async arrive(tx: Transaction, { workspace, actor }: Caller, model: RegisteredModel, newName: string): Promise<void> {
    for (const { alias, version } of model.aliases) {
      const target = await this.versions.find(tx, workspace, newName, version);
      await this.events.publish(tx, Events.AliasMoved, {
        workspace,
        aggregateId: newName,
        aggregateVersion: await this.models.nextEventVersion(tx, workspace, newName),
        data: {
          modelName: newName,
          alias,
          fromVersion: 0,
          toVersion: version,
          fromManifestDigest: '',
          toManifestDigest: target?.manifestDigest ?? '',
          actor,
          reason: `the model was called ${model.name}`,
          approvalId: '',
          forced: false,
          rolloutId: '',
          moveTime: this.clock.now(),
        },
      });
    }
  }
}
