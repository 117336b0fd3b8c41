// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { type Transaction, UnitOfWork } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { RegistryErrors } from '../registry.errors';
import { activeRun, runNotFound } from './log-to-run';
import { RUN_NAME_TAG, type RunInfo, type RunStatus } from './run';
import { RunsRepository } from './runs.repository';

export type RunChange =
  | { kind: 'update'; status?: RunStatus; endMs?: number; name?: string }
  | { kind: 'delete' }
  | { kind: 'restore' }
  | { kind: 'delete-tag'; key: string };

/** Updates, deletes (softly), restores or untags a run. Deleting and restoring are audited; telemetry is not. */
@Injectable()
export class ChangeRun {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly runs: RunsRepository,
    private readonly audit: AuditLog,
  ) {}

  async execute(caller: Caller, runId: string, change: RunChange): Promise<RunInfo> {
    return this.uow.run(
      async (tx) => {
        const run = await this.runs.lock(tx, caller.workspace, runId);
        if (!run) throw runNotFound(runId);
        return this.apply(tx, caller, run, change);
      },
      { label: 'change-run' },
    );
  }

  private async apply(tx: Transaction, caller: Caller, run: RunInfo, change: RunChange): Promise<RunInfo> {
    const { workspace } = caller;
    switch (change.kind) {
      case 'update': {
        activeRun(run, run.id);
        const name = change.name || run.name;
        const updated = { ...run, name, status: change.status ?? run.status, endMs: change.endMs ?? run.endMs };
        await this.runs.update(tx, workspace, updated);
        if (change.name) await this.runs.setTags(tx, workspace, run.id, [{ key: RUN_NAME_TAG, value: name }]);
        return updated;
      }
      case 'delete':
      case 'restore': {
        const stage = change.kind === 'delete' ? 'deleted' : 'active';
        await this.runs.setStage(tx, workspace, run.id, stage);
        const action = change.kind === 'delete' ? 'run.deleted' : 'run.restored';
        await this.audit.append(tx, caller, { action, subject: `runs:/${run.id}`, before: { stage: run.lifecycleStage } });
        return { ...run, lifecycleStage: stage };
      }
      case 'delete-tag':
        activeRun(run, run.id);
        if (!(await this.runs.deleteTag(tx, workspace, run.id, change.key))) {
          throw RegistryErrors.TAG_NOT_FOUND(`No tag with name: ${change.key} in run with id ${run.id}`, { key: change.key });
        }
        return run;
    }
  }
}
