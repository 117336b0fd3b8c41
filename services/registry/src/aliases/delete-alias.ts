// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { ModelsRepository } from '../models/models.repository';
import { RegistryErrors } from '../registry.errors';
import { aliasSubject, isProtected } from './alias';
import { AliasesRepository } from './aliases.repository';

/** Removes an alias in the caller's transaction, under the lock of the model's row. A protected alias stays. */
@Injectable()
export class DeleteAlias {
  constructor(
    private readonly models: ModelsRepository,
    private readonly aliases: AliasesRepository,
    private readonly audit: AuditLog,
    private readonly events: EventPublisher,
  ) {}

  async execute(tx: Transaction, caller: Caller, at: { modelName: string; alias: string }): Promise<void> {
    const { workspace, actor } = caller;
    const { modelName, alias } = at;
    await this.checkUnprotected(tx, workspace, at);
    const version = await this.aliases.find(tx, workspace, modelName, alias);
    if (version === undefined) return;
    await this.aliases.delete(tx, workspace, { modelName, alias });
    await this.audit.append(tx, caller, {
      action: 'alias.deleted',
      subject: aliasSubject(modelName, alias),
      before: { version },
    });
    await this.events.publish(tx, Events.AliasDeleted, {
      workspace,
      aggregateId: modelName,
      aggregateVersion: await this.models.nextEventVersion(tx, workspace, modelName),
      data: { modelName, alias, fromVersion: version, actor },
    });
  }

  /** Throws REGISTRY.ALIAS_PROTECTED, which says how to ask for a move instead. */
  async checkUnprotected(tx: Transaction, workspace: string, at: { modelName: string; alias: string }): Promise<void> {
    if (!isProtected(await this.aliases.policy(tx, workspace, at.modelName, at.alias))) return;
    const path = `/api/v1/models/${encodeURIComponent(at.modelName)}/aliases/${encodeURIComponent(at.alias)}/moves`;
    throw RegistryErrors.ALIAS_PROTECTED(
      `Alias '${at.alias}' of model '${at.modelName}' is protected by a policy. Ask for the move with POST ${path} ` +
        `{"version": <number>, "reason": "<why>"}; it moves when its evidence is there and enough people approved.`,
      { ...at, request: path },
    );
  }
}
