// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Idempotency, type Transaction, UnitOfWork } from '#libs/persistence';
import type { Caller } from '../jobs/caller';
import { CancelJob } from '../jobs/cancel-job';
import { isTerminal, type JobKind } from '../jobs/job';
import { specInvalid, TrainingErrors } from '../jobs/jobs.errors';
import { JobsRepository } from '../jobs/jobs.repository';
import { isEnded, type PipelineRunRecord } from './pipeline-run';
import { PipelineRunDriver } from './pipeline-run-driver';
import { PipelineRunsRepository } from './pipeline-runs.repository';
import { RunStatePublisher } from './run-state-publisher';

export interface InterventionInput {
  pipelineRunId: string;
  reason: string;
  requestId: string;
}

/** Stops a run and its jobs. */
@Injectable()
export class CancelPipelineRun {
  constructor(
    private readonly runs: PipelineRunsRepository,
    private readonly jobs: JobsRepository,
    private readonly cancelJob: CancelJob,
    private readonly publisher: RunStatePublisher,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
  ) {}

  execute(caller: Caller, input: InterventionInput): Promise<PipelineRunRecord> {
    const { requestId, ...request } = input;
    const key = { workspace: caller.workspace, operation: 'CancelPipelineRun', requestId, request };
    return this.unitOfWork.run((tx) => this.idempotency.once(tx, key, () => this.cancel(tx, caller, input)), {
      label: 'cancel pipeline run',
    });
  }

  private async cancel(tx: Transaction, caller: Caller, input: InterventionInput): Promise<PipelineRunRecord> {
    const run = await this.runs.lock(tx, { workspace: caller.workspace, id: input.pipelineRunId });
    if (!run) throw notFound('pipeline run', input.pipelineRunId);
    if (isEnded(run.state)) throw TrainingErrors.RUN_ENDED(`the run has ${run.state} already`, { state: run.state });
    const reason = `cancelled by ${caller.subject}${input.reason ? `: ${input.reason}` : ''}`;
    await this.cancelOpenJob(tx, caller, run.work.jobId, 'fine-tune', reason);
    await this.cancelOpenJob(tx, caller, run.work.evaluationJobId, 'evaluation', reason);
    const changes = {
      state: 'cancelled',
      reason,
      work: run.work,
      lastError: '',
      failures: 0,
      waitSeconds: 0,
      ended: true,
    } as const;
    const saved = await this.runs.save(tx, run, changes);
    await this.publisher.publish(tx, run.state, saved);
    return saved;
  }

  private async cancelOpenJob(
    tx: Transaction,
    caller: Caller,
    jobId: string | undefined,
    kind: JobKind,
    reason: string,
  ): Promise<void> {
    const job = jobId === undefined ? undefined : await this.jobs.lock(tx, { workspace: caller.workspace, id: jobId });
    if (job && !isTerminal(job.state)) await this.cancelJob.cancel(tx, caller, { kind, jobId: job.id, reason });
  }
}

/** Sends a run whose gate failed on to the alias request. The reason and the person go into the registry's audit. */
@Injectable()
export class ForcePipelineGate {
  constructor(
    private readonly runs: PipelineRunsRepository,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly driver: PipelineRunDriver,
  ) {}

  /** Throws NOT_FOUND, SPEC_INVALID without a reason, or GATE_NOT_FAILED. */
  execute(caller: Caller, input: InterventionInput): Promise<PipelineRunRecord> {
    if (input.reason.trim() === '') throw specInvalid([{ field: 'reason', message: 'is required to force a gate' }]);
    const { requestId, ...request } = input;
    const key = { workspace: caller.workspace, operation: 'ForcePipelineGate', requestId, request };
    return this.unitOfWork.run((tx) => this.idempotency.once(tx, key, () => this.force(tx, caller, input)), {
      label: 'force pipeline gate',
    });
  }

  private async force(tx: Transaction, caller: Caller, input: InterventionInput): Promise<PipelineRunRecord> {
    const key = { workspace: caller.workspace, id: input.pipelineRunId };
    const run = await this.runs.lock(tx, key);
    if (!run) throw notFound('pipeline run', input.pipelineRunId);
    if (run.state !== 'gate_failed') {
      throw TrainingErrors.GATE_NOT_FAILED(`the run is ${run.state}; only one whose gate failed can be forced`, {
        state: run.state,
      });
    }
    await this.runs.addFacts(tx, key, { force: { by: caller.subject, reason: input.reason } });
    tx.afterCommit(() => this.driver.wake());
    return (await this.runs.lock(tx, key)) ?? run;
  }
}
