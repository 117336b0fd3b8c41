// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { type Transaction, UnitOfWork } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { checkExperimentName, parseExperimentId } from '../mlflow/limits';
import { invalidParameter, RegistryErrors } from '../registry.errors';
import { checkExperimentTag } from './create-experiment';
import type { Experiment, Tag, ViewType } from './experiment';
import { ExperimentsRepository } from './experiments.repository';
import { experimentNotFound } from './not-found';

export type ExperimentChange =
  | { kind: 'rename'; name: string }
  | { kind: 'delete' }
  | { kind: 'restore' }
  | { kind: 'set-tag'; tag: Tag }
  | { kind: 'delete-tag'; key: string };

const VIEW: Partial<Record<ExperimentChange['kind'], ViewType>> = { delete: 'ACTIVE_ONLY', restore: 'DELETED_ONLY' };

/** Renames, deletes (softly, with its runs), restores or tags an experiment. */
@Injectable()
export class ChangeExperiment {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly experiments: ExperimentsRepository,
    private readonly audit: AuditLog,
  ) {}

  async execute(caller: Caller, experimentId: string, change: ExperimentChange): Promise<void> {
    const id = parseExperimentId(experimentId);
    await this.uow.run(
      async (tx) => {
        await this.experiments.ensureDefault(tx, caller.workspace);
        const experiment = await this.experiments.lock(tx, caller.workspace, id, VIEW[change.kind]);
        if (!experiment) throw experimentNotFound(id);
        const record = await this.apply(tx, caller, experiment, change);
        await this.audit.append(tx, caller, { ...record, subject: `experiments:/${id}` });
      },
      { label: 'change-experiment' },
    );
  }

  private async apply(
    tx: Transaction,
    { workspace }: Caller,
    experiment: Experiment,
    change: ExperimentChange,
  ): Promise<{ action: string; before?: unknown; after?: unknown }> {
    const { id } = experiment;
    switch (change.kind) {
      case 'rename':
        checkExperimentName(change.name);
        if (experiment.lifecycleStage !== 'active') throw RegistryErrors.INVALID_STATE('Cannot rename a non-active experiment.');
        await this.experiments.rename(tx, workspace, id, change.name);
        return { action: 'experiment.renamed', before: { name: experiment.name }, after: { name: change.name } };
      case 'delete':
        await this.experiments.setStage(tx, workspace, id, 'deleted');
        return { action: 'experiment.deleted', before: { name: experiment.name } };
      case 'restore':
        await this.experiments.setStage(tx, workspace, id, 'active');
        return { action: 'experiment.restored', after: { name: experiment.name } };
      case 'set-tag':
        checkExperimentTag(change.tag);
        checkActive(experiment);
        await this.experiments.setTag(tx, workspace, id, change.tag);
        return { action: 'experiment.tagged', after: change.tag };
      case 'delete-tag':
        checkActive(experiment);
        if (!(await this.experiments.deleteTag(tx, workspace, id, change.key))) {
          throw RegistryErrors.TAG_NOT_FOUND(`No tag with name: ${change.key} in experiment with id ${id}`, { key: change.key });
        }
        return { action: 'experiment.untagged', before: { key: change.key } };
    }
  }
}

/** Deleted experiments take no runs and no tags. */
export function checkActive(experiment: Experiment): void {
  if (experiment.lifecycleStage === 'active') return;
  throw invalidParameter(
    `The experiment ${experiment.id} must be in the 'active' state. Current state is ${experiment.lifecycleStage}.`,
  );
}
