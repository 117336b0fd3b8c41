// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { type Transaction, UnitOfWork } from '#libs/persistence';
import { DeleteAlias } from '../aliases/delete-alias';
import { CloseApprovals } from '../approvals/close-approvals';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import type { Tag } from '../experiments/experiment';
import { checkKey, checkModelName } from '../mlflow/limits';
import { invalidParameter } from '../registry.errors';
import { checkRegistryTag } from './create-registered-model';
import { type ModelVersion, type Stage, STAGES } from './model';
import { ModelsRepository, VersionsRepository } from './models.repository';
import { versionNotFound } from './not-found';

export type VersionChange =
  | { kind: 'describe'; description: string }
  | { kind: 'stage'; stage: string; archiveOthers: boolean }
  | { kind: 'delete' }
  | { kind: 'set-tag'; tag: Tag }
  | { kind: 'delete-tag'; key: string };

/** Describes, stages, deletes (softly) or tags a version. One that a protected alias points to cannot be deleted. */
@Injectable()
export class ChangeModelVersion {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly audit: AuditLog,
    private readonly deleteAlias: DeleteAlias,
    private readonly closeApprovals: CloseApprovals,
  ) {}

  /** The version after the change; undefined when it was deleted. */
  async execute(caller: Caller, at: { name: string; version: number }, change: VersionChange): Promise<ModelVersion | undefined> {
    checkModelName(at.name);
    return this.uow.run(
      async (tx) => {
        await this.models.lock(tx, caller.workspace, at.name);
        const version = await this.versions.find(tx, caller.workspace, at.name, at.version);
        if (!version) throw versionNotFound(at.name, at.version);
        const record = await this.apply(tx, caller, version, change);
        await this.audit.append(tx, caller, { ...record, subject: `models:/${at.name}/${at.version}` });
        return this.versions.find(tx, caller.workspace, at.name, at.version);
      },
      { label: 'change-model-version' },
    );
  }

  private async apply(
    tx: Transaction,
    caller: Caller,
    version: ModelVersion,
    change: VersionChange,
  ): Promise<{ action: string; before?: unknown; after?: unknown }> {
    const { workspace } = caller;
    switch (change.kind) {
      case 'describe':
        await this.versions.setDescription(tx, workspace, version, change.description);
        return {
          action: 'model-version.described',
          before: { description: version.description },
          after: { description: change.description },
        };
      case 'stage': {
        const stage = canonicalStage(change.stage);
        if (change.archiveOthers && stage !== 'Staging' && stage !== 'Production') {
          throw invalidParameter(
            'Model version transition cannot archive existing model versions because ' +
              `'${change.stage}' is not an Active stage. Valid stages are ['Staging', 'Production']`,
          );
        }
        const archived = await this.versions.setStage(tx, workspace, version, { stage, archiveOthers: change.archiveOthers });
        return { action: 'model-version.staged', before: { stage: version.stage }, after: { stage, archived } };
      }
      case 'delete':
        for (const alias of version.aliases) await this.deleteAlias.execute(tx, caller, { modelName: version.modelName, alias });
        await this.closeApprovals.cancelPending(tx, caller, version.modelName, {
          concerns: (approval) => approval.version === version.version,
          reason: `version ${version.version} was deleted`,
        });
        await this.versions.delete(tx, workspace, version);
        return { action: 'model-version.deleted', before: { source: version.source, runId: version.runId } };
      case 'set-tag':
        checkRegistryTag(change.tag);
        await this.versions.setTag(tx, workspace, version, change.tag);
        return { action: 'model-version.tagged', after: change.tag };
      case 'delete-tag':
        checkKey(change.key);
        await this.versions.deleteTag(tx, workspace, version, change.key);
        return { action: 'model-version.untagged', before: { key: change.key } };
    }
  }
}

/** `production` -> `Production`; the stock server's words for anything else. */
export function canonicalStage(stage: string): Stage {
  const found = STAGES.find((known) => known.toLowerCase() === stage.toLowerCase());
  if (!found) throw invalidParameter(`Invalid Model Version stage: ${stage}. Value must be one of ${STAGES.join(', ')}.`);
  return found;
}
