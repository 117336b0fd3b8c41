// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import { BaseModels } from '../base-models/base-models';
import { TrainerCatalog } from '../trainers/trainer-catalog';
import { answerOnce } from './answer-once';
import type { Caller } from './caller';
import type { JobViolation } from './failure';
import { type FineTuneSpecInput, readFineTuneSpec } from './fine-tune-spec';
import type { JobRecord } from './job';
import { JobScheduler } from './job-scheduler';
import { specInvalid } from './jobs.errors';
import { JobsRepository, type NewJob } from './jobs.repository';
import { ResolveInputs } from './resolve-inputs';

/** Everything about a new job that needs other services, found before its transaction. */
export type PreparedJob = Omit<NewJob, 'workspace' | 'id' | 'submittedBy'>;

/** Creates a fine-tune job. Settings, base model and dataset versions are checked here; rows are checked before it is queued. */
@Injectable()
export class CreateJob {
  constructor(
    private readonly trainers: TrainerCatalog,
    private readonly baseModels: BaseModels,
    private readonly resolve: ResolveInputs,
    private readonly jobs: JobsRepository,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly ids: Ids,
    private readonly scheduler: JobScheduler,
  ) {}

  async execute(caller: Caller, given: FineTuneSpecInput, requestId: string): Promise<JobRecord> {
    if (given.pipelineRunId) throw specInvalid([{ field: 'pipelineRunId', message: 'is set by pipelines only' }]);
    const key = { workspace: caller.workspace, operation: 'CreateJob', requestId, request: given };
    const { unitOfWork, idempotency } = this;
    return answerOnce({ unitOfWork, idempotency }, key, {
      label: 'create job',
      prepare: () => this.prepare(caller.workspace, given),
      carryOut: (tx, prepared) => this.insert(tx, caller, prepared),
    });
  }

  /** Throws TRAINING.SPEC_INVALID with all faults that can be known before rows are read. */
  async prepare(workspace: string, given: FineTuneSpecInput): Promise<PreparedJob> {
    const violations: JobViolation[] = [];
    const spec = readFineTuneSpec(given, this.trainers.rules, violations);
    const base = await this.baseModels.resolve(workspace, spec.baseModel, violations);
    const inputs = await this.resolve.execute(workspace, spec.inputs, 'inputs', violations);
    if (violations.length > 0 || !base) throw specInvalid(violations);
    const { priority, pipelineRunId } = spec;
    return { kind: 'fine-tune', priority, spec, inputs, modelDigest: base.digest, modelName: base.name, pipelineRunId };
  }

  async insert(tx: Transaction, caller: Caller, prepared: PreparedJob): Promise<JobRecord> {
    const job = await this.jobs.insert(tx, {
      ...prepared,
      workspace: caller.workspace,
      id: this.ids.next(),
      submittedBy: caller.subject,
    });
    await this.jobs.appendEvent(tx, job, {
      level: 'info',
      type: 'state',
      message: 'created; rows are being checked',
      data: { state: job.state },
    });
    tx.afterCommit(() => this.scheduler.wake());
    return job;
  }
}
