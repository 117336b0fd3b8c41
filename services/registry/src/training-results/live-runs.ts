// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { CommonErrors } from '#libs/errors';
import type { Transaction } from '#libs/persistence';
import type { Caller } from '../caller';
import { CreateExperiment } from '../experiments/create-experiment';
import type { Experiment } from '../experiments/experiment';
import { ExperimentsRepository } from '../experiments/experiments.repository';
import { RUN_NAME_TAG, runArtifactUri, type RunInfo, runIdOfJob } from '../runs/run';
import { RunsRepository } from '../runs/runs.repository';
import { provisionalExperiment, tagsOf } from './job-run';

/** What is known of a job when its run is first needed. */
export interface JobFacts {
  jobId: string;
  displayName?: string;
  registeredModelName?: string;
  pipelineRunId?: string;
  /** When the job is done: where its run belongs. */
  experimentName?: string;
  startTime: Date;
}

/** The run of a training job: one per job, made by whichever of its events comes first. */
@Injectable()
export class LiveRuns {
  constructor(
    private readonly experiments: ExperimentsRepository,
    private readonly createExperiment: CreateExperiment,
    private readonly runs: RunsRepository,
  ) {}

  /** The job's run, held until the transaction ends; made when it is missing, moved when its experiment is known at last. */
  async ensure(tx: Transaction, caller: Caller, job: JobFacts): Promise<RunInfo> {
    const { workspace } = caller;
    const id = runIdOfJob(job.jobId);
    const existing = await this.runs.lock(tx, workspace, id);
    if (existing && !job.experimentName) return existing;
    const experiment = await this.experiment(
      tx,
      caller,
      job.experimentName || provisionalExperiment(job.registeredModelName ?? ''),
    );
    const place = { experimentId: experiment.id, artifactUri: runArtifactUri(experiment.artifactLocation, id) };
    if (existing) {
      const name = job.displayName || existing.name;
      const moved = { ...existing, ...place, name };
      await this.runs.update(tx, workspace, moved);
      await this.runs.setTags(tx, workspace, id, [{ key: RUN_NAME_TAG, value: name }]);
      return moved;
    }
    const run: RunInfo = {
      id,
      ...place,
      name: job.displayName || `job ${job.jobId.slice(0, 8)}`,
      userId: '',
      status: 'SCHEDULED',
      startMs: job.startTime.getTime(),
      lifecycleStage: 'active',
    };
    await this.runs.insert(tx, workspace, run);
    await this.runs.setTags(tx, workspace, id, [...tagsOf(job), { key: RUN_NAME_TAG, value: run.name }]);
    return run;
  }

  private async experiment(tx: Transaction, caller: Caller, name: string): Promise<Experiment> {
    const find = (): Promise<Experiment | undefined> => this.experiments.findByName(tx, caller.workspace, name);
    // Two jobs that are the first of their experiment meet in `within`: one makes it, the other finds it then.
    const experiment = (await find()) ?? (await this.createExperiment.within(tx, caller, { name })) ?? (await find());
    if (!experiment) throw CommonErrors.CONFLICT(`experiment ${JSON.stringify(name)} was removed meanwhile`);
    return experiment;
  }
}
