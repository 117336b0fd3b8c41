// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import {
  EVALUATOR_JOB_SCHEMA,
  type EvaluatorJob,
  JOB_FILE,
  TRAINER_JOB_SCHEMA,
  type TrainerJob,
} from '../trainers/trainer-contract';
import { type CheckpointRecord, evaluationSpec, fineTuneSpec, type JobRecord } from './job';
import { JobFolders } from './job-folders';
import { specInvalid, TrainingErrors } from './jobs.errors';
import { type StagedRows, StageJobRows } from './stage-job-rows';
import { WorkFiles } from './work-files';

/** Identity that a stored checkpoint carries in its manifest; it must be that of the job that resumes from it. */
export interface CheckpointStamp {
  kind: 'checkpoint';
  jobId: string;
  step: number;
  baseModelDigest: string;
}

/**
 * Makes the folder of an attempt: rows, model, checkpoint to go on from, job.json. It appears whole, and what is there stays: a process
 * that has lost the job and was not told yet takes nothing away from a trainer that another one started.
 */
@Injectable()
export class PrepareAttempt {
  constructor(
    private readonly files: WorkFiles,
    private readonly stage: StageJobRows,
    private readonly folders: JobFolders,
  ) {}

  async execute(job: JobRecord, checkpoint: CheckpointRecord | undefined, signal: AbortSignal): Promise<string> {
    const folder = this.folders.ofAttempt(job, job.attempts);
    if (await this.files.exists(join(folder, JOB_FILE))) return folder;
    const { files, violations } = await this.stage.execute(job, signal);
    if (violations.length > 0) throw specInvalid(violations);
    await this.fetchModel(job);
    const building = `${folder}.${job.leaseToken}.partial`;
    await this.files.makeFolder(building);
    if (checkpoint) await this.fetchCheckpoint(job, checkpoint, building);
    const content = job.kind === 'fine-tune' ? this.trainerJob(job, files, checkpoint) : this.evaluatorJob(job, files);
    await this.files.writeText(join(building, JOB_FILE), JSON.stringify(content, null, 2));
    if (!(await this.files.moveFolder(building, folder))) await this.files.remove(building);
    return folder;
  }

  private async fetchModel(job: JobRecord): Promise<void> {
    const { path } = this.folders.model(job);
    const marker = `${path}.digest`;
    if ((await this.files.readText(marker)) === job.modelDigest && (await this.files.exists(path))) return;
    await this.files.fetchModel(job.modelDigest, path);
    await this.files.writeText(marker, job.modelDigest);
  }

  private async fetchCheckpoint(job: JobRecord, checkpoint: CheckpointRecord, folder: string): Promise<void> {
    const manifest = await this.files.fetchModel(checkpoint.manifestDigest, join(folder, 'resume'));
    const expected: CheckpointStamp = {
      kind: 'checkpoint',
      jobId: job.id,
      step: checkpoint.step,
      baseModelDigest: job.modelDigest,
    };
    for (const [field, value] of Object.entries(expected)) {
      if (manifest[field] === value) continue;
      const found = JSON.stringify(manifest[field]);
      throw TrainingErrors.CHECKPOINT_MISMATCH(`checkpoint ${field}: is ${found}, the job needs ${JSON.stringify(value)}`, {
        field,
      });
    }
  }

  private trainerJob(job: JobRecord, files: readonly StagedRows[], checkpoint: CheckpointRecord | undefined): TrainerJob {
    return {
      schema: TRAINER_JOB_SCHEMA,
      jobId: job.id,
      attempt: job.attempts,
      baseModel: { folder: this.folders.model(job).relativePath, digest: job.modelDigest },
      inputs: job.inputs.map(({ role, weight }, index) => ({ role, weight, ...contractRows(files[index]) })),
      hyperparameters: fineTuneSpec(job).hyperparameters,
      resume: checkpoint ? { folder: 'resume', step: checkpoint.step } : null,
      checkpointsFolder: 'checkpoints',
      modelFolder: 'model',
    };
  }

  private evaluatorJob(job: JobRecord, files: readonly StagedRows[]): EvaluatorJob {
    const { slices, seed } = evaluationSpec(job);
    return {
      schema: EVALUATOR_JOB_SCHEMA,
      jobId: job.id,
      attempt: job.attempts,
      model: { folder: this.folders.model(job).relativePath, digest: job.modelDigest },
      slices: slices.map(({ name }, index) => ({
        name,
        datasetVersionId: job.inputs[index]?.datasetVersionId ?? '',
        contentDigest: job.inputs[index]?.contentDigest ?? '',
        ...contractRows(files[index]),
      })),
      baselineTraining: files.slice(slices.length).map(contractRows),
      seed,
      answersFile: 'answers.jsonl',
    };
  }
}

function contractRows(staged: StagedRows | undefined): { file: string; rows: number; sha256: string } {
  if (!staged) throw TrainingErrors.TRAINER_OUTPUT_INVALID('an input of the job has no staged rows');
  return { file: staged.file, rows: staged.rows, sha256: staged.sha256 };
}
