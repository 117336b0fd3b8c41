// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import { BaseModels } from '../base-models/base-models';
import { answerOnce } from '../jobs/answer-once';
import type { Caller } from '../jobs/caller';
import type { PreparedJob } from '../jobs/create-job';
import type { JobViolation } from '../jobs/failure';
import type { JobInputSpec, JobRecord } from '../jobs/job';
import { JobScheduler } from '../jobs/job-scheduler';
import { specInvalid } from '../jobs/jobs.errors';
import { JobsRepository } from '../jobs/jobs.repository';
import { ResolveInputs } from '../jobs/resolve-inputs';
import { type EvaluationSpecInput, readEvaluationSpec } from './evaluation-spec';

/** Creates an evaluation job; the model and the dataset versions must exist. */
@Injectable()
export class CreateEvaluationJob {
  constructor(
    private readonly models: BaseModels,
    private readonly resolve: ResolveInputs,
    private readonly jobs: JobsRepository,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly ids: Ids,
    private readonly scheduler: JobScheduler,
  ) {}

  async execute(caller: Caller, given: EvaluationSpecInput, requestId: string): Promise<JobRecord> {
    if (given.pipelineRunId) throw specInvalid([{ field: 'pipelineRunId', message: 'is set by pipelines only' }]);
    const key = { workspace: caller.workspace, operation: 'CreateEvaluationJob', requestId, request: given };
    const { unitOfWork, idempotency } = this;
    return answerOnce({ unitOfWork, idempotency }, key, {
      label: 'create evaluation job',
      prepare: () => this.prepare(caller.workspace, given, 'caller'),
      carryOut: (tx, prepared) => this.insert(tx, caller, prepared),
    });
  }

  /**
   * Throws TRAINING.SPEC_INVALID with all faults that can be known before rows are read. A model that a caller names must be of the
   * workspace; what a pipeline evaluates is its own, or what the registry named.
   */
  async prepare(workspace: string, given: EvaluationSpecInput, namedBy: 'caller' | 'pipeline'): Promise<PreparedJob> {
    const violations: JobViolation[] = [];
    const spec = readEvaluationSpec(given, violations);
    const { promptTemplate, answerTemplate, priority, pipelineRunId } = spec;
    const asInput = (datasetVersion: string): JobInputSpec => ({
      datasetVersion,
      role: 'slice',
      weight: 0,
      promptTemplate,
      answerTemplate,
    });
    const slices = await this.resolve.execute(
      workspace,
      spec.slices.map((slice) => asInput(slice.datasetVersion)),
      'slices',
      violations,
    );
    const training = await this.resolve.execute(workspace, spec.baselineTraining, 'baselineTraining', violations);
    const digest = spec.modelManifestDigest;
    if (violations.length === 0) {
      if (namedBy === 'caller') await this.models.resolveOwn(workspace, digest, 'modelManifestDigest', violations);
      else await this.models.resolveDigest(digest, 'modelManifestDigest', violations);
    }
    if (violations.length > 0) throw specInvalid(violations);
    const baselines = training.map((input) => ({ ...input, role: 'baseline' }));
    return {
      kind: 'evaluation',
      priority,
      spec,
      inputs: [...slices, ...baselines],
      modelDigest: digest,
      modelName: spec.registeredModelName,
      pipelineRunId,
    };
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
