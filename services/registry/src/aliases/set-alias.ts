// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '#libs/persistence';
import type { Caller } from '../caller';
import { checkAliasName } from '../mlflow/limits';
import { ModelsRepository } from '../models/models.repository';
import { modelNotFound } from '../models/not-found';
import { DeleteAlias } from './delete-alias';
import { MoveAlias } from './move-alias';

/** Points an unprotected alias to a version, or (`version` absent) removes it, as the mlflow client does: at once or refused. */
@Injectable()
export class SetAlias {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly models: ModelsRepository,
    private readonly deleteAlias: DeleteAlias,
    private readonly moveAlias: MoveAlias,
  ) {}

  async execute(caller: Caller, input: { modelName: string; alias: string; version?: number }): Promise<void> {
    const { modelName, alias, version } = input;
    checkAliasName(alias, version === undefined ? 'allow' : 'refuse');
    await this.uow.run(
      async (tx) => {
        if (!(await this.models.lock(tx, caller.workspace, modelName))) throw modelNotFound(modelName);
        if (version === undefined) return this.deleteAlias.execute(tx, caller, { modelName, alias });
        await this.deleteAlias.checkUnprotected(tx, caller.workspace, { modelName, alias });
        await this.moveAlias.execute(tx, caller, { modelName, alias, toVersion: version, reason: 'set through the MLflow API' });
      },
      { label: 'set-alias' },
    );
  }
}
