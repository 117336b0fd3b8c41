// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { type Transaction, UnitOfWork } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { checkExperimentName, checkKey, checkLength, limits } from '../mlflow/limits';
import { invalidParameter } from '../registry.errors';
import { type Experiment, type Tag, uniqueTags } from './experiment';
import { ExperimentsRepository } from './experiments.repository';
import { experimentExists } from './not-found';

export interface ExperimentToCreate {
  name: string;
  artifactLocation?: string;
  tags?: Tag[];
}

/** Creates an experiment; its name must be new in the workspace, also among deleted ones. */
@Injectable()
export class CreateExperiment {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly experiments: ExperimentsRepository,
    private readonly audit: AuditLog,
  ) {}

  async execute(caller: Caller, input: ExperimentToCreate): Promise<Experiment> {
    return this.uow.run(
      async (tx) => {
        const experiment = await this.within(tx, caller, input);
        if (!experiment) throw experimentExists(input.name);
        return experiment;
      },
      { label: 'create-experiment' },
    );
  }

  /** As `execute`, as a part of a larger transaction; undefined when the name is taken. */
  async within(tx: Transaction, caller: Caller, input: ExperimentToCreate): Promise<Experiment | undefined> {
    checkExperimentName(input.name);
    checkArtifactLocation(input.artifactLocation ?? '');
    const tags = uniqueTags(input.tags ?? []);
    for (const tag of tags) checkExperimentTag(tag);
    await this.experiments.ensureDefault(tx, caller.workspace);
    const experiment = await this.experiments.create(tx, caller.workspace, {
      name: input.name,
      artifactLocation: input.artifactLocation ?? '',
      tags,
      nowMs: this.clock.now().getTime(),
    });
    if (!experiment) return undefined;
    const subject = `experiments:/${experiment.id}`;
    await this.audit.append(tx, caller, { action: 'experiment.created', subject, after: { name: experiment.name } });
    return experiment;
  }
}

/** Refuses keys and values past the stock server's limits. */
export function checkExperimentTag(tag: Tag): void {
  checkKey(tag.key);
  checkLength('key', tag.key, limits.keyCharacters);
  checkLength('value', tag.value, limits.experimentTagValueCharacters);
}

// A location is only handed back to clients, never opened here; still no part of it may climb out of its root.
function checkArtifactLocation(location: string): void {
  if (location.length > 2048)
    throw invalidParameter(
      'Invalid artifact path length. The length of the artifact path cannot be greater than 2048 characters.',
    );
  const parts = decodeURIComponentSafely(location).split(/[/\\]/);
  if (parts.includes('..') || /[#?]/.test(location)) {
    throw invalidParameter(`Invalid value ${JSON.stringify(location)} for parameter 'artifact_location' supplied.`);
  }
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
