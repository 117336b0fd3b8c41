// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import { notFound } from '#libs/errors';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import type { Caller } from '../jobs/caller';
import type { JobViolation } from '../jobs/failure';
import { DEFAULT_TRAINER } from '../jobs/fine-tune-spec';
import { specInvalid, TrainingErrors } from '../jobs/jobs.errors';
import { readReference, readText } from '../jobs/spec-fields';
import { parseTemplate } from '../jobs/template';
import { type PipelineRecord, readHyperparameters } from '../pipelines/pipeline';
import { PipelinesRepository } from '../pipelines/pipelines.repository';
import { TrainerCatalog } from '../trainers/trainer-catalog';
import type { PipelineRunRecord, RunOverrides } from './pipeline-run';
import { PipelineRunDriver } from './pipeline-run-driver';
import { PipelineRunsRepository } from './pipeline-runs.repository';
import { RunStatePublisher } from './run-state-publisher';

export interface StartRunInput {
  pipeline: string;
  useFeedback?: unknown;
  trainDatasetVersionIds?: unknown;
  trainPromptTemplate?: unknown;
  hyperparameters?: unknown;
  proposalId?: unknown;
  reason?: unknown;
  requestId: string;
}

/** Starts a run of a pipeline; the run keeps the policy as it is now. */
@Injectable()
export class StartPipelineRun {
  constructor(
    private readonly pipelines: PipelinesRepository,
    private readonly runs: PipelineRunsRepository,
    private readonly publisher: RunStatePublisher,
    private readonly trainers: TrainerCatalog,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly ids: Ids,
    private readonly driver: PipelineRunDriver,
  ) {}

  /** Throws NOT_FOUND, SPEC_INVALID, or ALREADY_EXISTS when the pipeline has a run for the proposal. */
  execute(caller: Caller, given: StartRunInput): Promise<PipelineRunRecord> {
    const { requestId, ...request } = given;
    const { workspace } = caller;
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, { workspace, operation: 'StartPipelineRun', requestId, request }, async () => {
          const pipeline = await this.pipelines.lock(tx, workspace, given.pipeline);
          if (!pipeline) throw notFound('pipeline', given.pipeline);
          const run = await this.insert(tx, caller, pipeline, this.readOverrides(pipeline, given));
          if (!run)
            throw TrainingErrors.PROPOSAL_TAKEN(`proposal ${String(given.proposalId)} has a run of this pipeline already`, {
              field: 'proposalId',
            });
          return run;
        }),
      { label: 'start pipeline run' },
    );
  }

  /** In the caller's transaction; undefined when the pipeline has a run for the proposal already. */
  async insert(
    tx: Transaction,
    caller: Caller,
    pipeline: PipelineRecord,
    start: { overrides: RunOverrides; proposalId: string },
  ): Promise<PipelineRunRecord | undefined> {
    const run = await this.runs.insert(tx, {
      workspace: caller.workspace,
      id: this.ids.next(),
      pipelineId: pipeline.id,
      pipelineName: pipeline.name,
      spec: pipeline.spec,
      overrides: start.overrides,
      proposalId: start.proposalId,
      startedBy: caller.subject,
      reason: start.overrides.reason || `started by ${caller.subject}`,
    });
    if (!run) return undefined;
    await this.publisher.publish(tx, undefined, run);
    tx.afterCommit(() => this.driver.wake());
    return run;
  }

  private readOverrides(pipeline: PipelineRecord, given: StartRunInput): { overrides: RunOverrides; proposalId: string } {
    const violations: JobViolation[] = [];
    const useFeedback = given.useFeedback ?? false;
    if (typeof useFeedback !== 'boolean') violations.push({ field: 'useFeedback', message: 'must be true or false' });
    if (useFeedback === true && !pipeline.spec.feedback)
      violations.push({ field: 'useFeedback', message: 'the pipeline names no feedback dataset' });
    const ids = given.trainDatasetVersionIds ?? [];
    if (!Array.isArray(ids) || ids.length > 100)
      violations.push({ field: 'trainDatasetVersionIds', message: 'must be a list of at most 100 dataset versions' });
    const references = (Array.isArray(ids) ? ids : []).map((id: unknown, index) =>
      readReference(id, `trainDatasetVersionIds[${index}]`, violations),
    );
    const trainPromptTemplate = readText(given.trainPromptTemplate, 'trainPromptTemplate', violations, 10_000);
    if (trainPromptTemplate !== '') parseTemplate(trainPromptTemplate, 'trainPromptTemplate', violations);
    const rules = this.trainers.rules.get(DEFAULT_TRAINER) ?? {};
    const hyperparameters = readHyperparameters(given.hyperparameters, rules, '', violations);
    const reason = readText(given.reason, 'reason', violations);
    const proposalId = readText(given.proposalId, 'proposalId', violations, 100);
    if (violations.length > 0) throw specInvalid(violations);
    return {
      overrides: {
        useFeedback: useFeedback === true,
        trainDatasetVersionIds: references,
        trainPromptTemplate,
        hyperparameters,
        reason,
      },
      proposalId,
    };
  }
}
