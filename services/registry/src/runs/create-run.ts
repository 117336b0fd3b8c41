// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '#libs/persistence';
import type { Caller } from '../caller';
import { checkActive } from '../experiments/change-experiment';
import { DEFAULT_EXPERIMENT, type Tag, uniqueTags } from '../experiments/experiment';
import { ExperimentsRepository } from '../experiments/experiments.repository';
import { experimentNotFound } from '../experiments/not-found';
import { parseExperimentId } from '../mlflow/limits';
import { invalidParameter } from '../registry.errors';
import { checkRunTag } from './log-to-run';
import { generatedRunName, type Run, RUN_NAME_TAG, runArtifactUri } from './run';
import { RunsRepository } from './runs.repository';

export interface RunToCreate {
  /** '' = the Default experiment. */
  experimentId: string;
  userId: string;
  startMs: number;
  /** '' = from the tag mlflow.runName, else generated. */
  name: string;
  tags: Tag[];
}

/** Starts a run in an active experiment. */
@Injectable()
export class CreateRun {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly experiments: ExperimentsRepository,
    private readonly runs: RunsRepository,
  ) {}

  async execute(caller: Caller, input: RunToCreate): Promise<Run> {
    const experimentId = parseExperimentId(input.experimentId || DEFAULT_EXPERIMENT.id);
    const named = input.tags.find((tag) => tag.key === RUN_NAME_TAG)?.value ?? '';
    if (input.name && named && input.name !== named) {
      throw invalidParameter(
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with " +
          `different values (run_name='${input.name}', mlflow.runName='${named}').`,
      );
    }
    input.tags.forEach((tag, index) => checkRunTag(tag, `tags[${index}]`));
    return this.uow.run(
      async (tx) => {
        await this.experiments.ensureDefault(tx, caller.workspace);
        const experiment = await this.experiments.find(tx, caller.workspace, experimentId);
        if (!experiment) throw experimentNotFound(experimentId);
        checkActive(experiment);
        const id = randomUUID().replaceAll('-', '');
        const name = input.name || named || generatedRunName(id);
        await this.runs.insert(tx, caller.workspace, {
          id,
          experimentId,
          name,
          userId: input.userId,
          status: 'RUNNING',
          startMs: input.startMs,
          artifactUri: runArtifactUri(experiment.artifactLocation, id),
          lifecycleStage: 'active',
        });
        await this.runs.setTags(tx, caller.workspace, id, uniqueTags([...input.tags, { key: RUN_NAME_TAG, value: name }]));
        return (await this.runs.find(tx, caller.workspace, id))!;
      },
      { label: 'create-run' },
    );
  }
}
