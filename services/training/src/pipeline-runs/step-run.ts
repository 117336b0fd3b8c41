// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { hasCode } from '#libs/errors';
import { Database } from '#libs/persistence';
import { TrainingSettings } from '../config';
import { CreateJob } from '../jobs/create-job';
import type { JobRecord } from '../jobs/job';
import { JobsRepository } from '../jobs/jobs.repository';
import { ModelRegistry } from '../registry/model-registry';
import { EvaluateRun } from './evaluate-run';
import type { ClaimedRun, PipelineRunRecord, RunWork } from './pipeline-run';
import { PlanTraining } from './plan-training';
import type { Step } from './run-step';

/** Pauses between two looks at a run that waits, in seconds. Facts from events end a pause at once. */
const LOCAL_JOB_POLL_SECONDS = 0.5;
const EVENT_POLL_SECONDS = 60;

/** Decides the next step of a run from its state, its work and what others have told. Every call outwards may be repeated. */
@Injectable()
export class StepRun {
  constructor(
    private readonly plan: PlanTraining,
    private readonly createJob: CreateJob,
    private readonly evaluate: EvaluateRun,
    private readonly registry: ModelRegistry,
    private readonly jobs: JobsRepository,
    private readonly database: Database,
    private readonly settings: TrainingSettings,
  ) {}

  execute(run: ClaimedRun): Promise<Step> | Step {
    switch (run.state) {
      case 'preparing':
        return this.prepare(run);
      case 'training':
        return this.awaitTraining(run);
      case 'registering':
        return awaitVersion(run);
      case 'evaluating':
        return this.evaluateAndAsk(run);
      case 'gate_failed':
        return run.facts.force ? this.askForAlias(run, run.work) : { waitSeconds: EVENT_POLL_SECONDS };
      case 'awaiting_approval':
        return awaitAlias(run);
      default:
        return {};
    }
  }

  private async prepare(run: PipelineRunRecord): Promise<Step> {
    const { job, feedback } = await this.plan.execute(run);
    const prepared = await this.createJob.prepare(run.workspace, job);
    const work: RunWork = feedback ? { feedbackVersionId: feedback.id, feedbackRows: feedback.rows } : {};
    const caller = { workspace: run.workspace, subject: run.startedBy };
    return {
      state: 'training',
      reason: feedback ? `trains with ${feedback.rows} rows of feedback` : 'trains',
      work,
      write: async (tx) => ({ jobId: (await this.createJob.insert(tx, caller, prepared)).id }),
    };
  }

  private async awaitTraining(run: PipelineRunRecord): Promise<Step> {
    const job = await this.findJob(run, run.work.jobId);
    if (job?.state === 'succeeded' && job.result?.kind === 'fine-tune') {
      return { state: 'registering', reason: 'waits for the registry', work: { modelDigest: job.result.modelManifestDigest } };
    }
    if (job?.state === 'failed')
      return { state: 'failed', reason: `training failed: ${job.error?.message ?? 'no reason given'}` };
    if (job?.state === 'cancelled')
      return { state: 'cancelled', reason: `training was cancelled by ${job.cancel?.by ?? 'somebody'}` };
    return { waitSeconds: LOCAL_JOB_POLL_SECONDS };
  }

  private async evaluateAndAsk(run: ClaimedRun): Promise<Step> {
    if (!run.work.evaluationJobId) return this.evaluate.start(run);
    const outcome = await this.evaluate.collect(run);
    if (!outcome) return { waitSeconds: LOCAL_JOB_POLL_SECONDS };
    if (outcome.failure) return { state: 'failed', reason: outcome.failure };
    const work: RunWork = { gate: outcome.gate, comparisons: outcome.comparisons };
    const refused = outcome.gate.filter((rule) => !rule.passed);
    if (refused.length > 0) return { state: 'gate_failed', reason: refused.map((rule) => rule.reason).join('; '), work };
    if (!run.spec.requestAlias) return { state: 'succeeded', reason: 'the gate passed; the policy asks for no alias', work };
    return this.askForAlias(run, work);
  }

  private async askForAlias(run: ClaimedRun, work: RunWork): Promise<Step> {
    const { force } = run.facts;
    const isForced = run.state === 'gate_failed' && force !== undefined;
    const asked: RunWork = { ...work, askedTime: run.work.askedTime ?? run.claimTime.toISOString() };
    try {
      const answer = await this.registry.requestAliasMove(run.workspace, {
        modelName: run.spec.registeredModelName,
        alias: run.spec.alias,
        version: run.facts.modelVersion ?? 0,
        reason: isForced ? `forced by ${force.by}: ${force.reason}` : gateWords(run, work),
        force: isForced,
        pipelineRunId: run.id,
        requestId: `${run.id}:${isForced ? 'forced' : 'gate-passed'}`,
      });
      if (answer.moved)
        return { state: 'succeeded', reason: `alias ${run.spec.alias} points to version ${run.facts.modelVersion}`, work: asked };
      const reason = `waits for approval ${answer.approvalId}`;
      return { state: 'awaiting_approval', reason, work: { ...asked, approvalId: answer.approvalId } };
    } catch (error) {
      return this.aliasRefused(run, asked, error);
    }
  }

  // The registry learns of evaluations by event, so evidence may be missing for a moment; failed evidence is a closed gate.
  private aliasRefused(run: ClaimedRun, work: RunWork, error: unknown): Step {
    const message = (error as Error).message;
    const waitedSeconds = (run.claimTime.getTime() - Date.parse(work.askedTime ?? '')) / 1000;
    if (hasCode(error, 'REGISTRY.EVIDENCE_MISSING') && waitedSeconds < this.settings.evidenceWaitSeconds) {
      return { work, waitSeconds: 1, lastError: message };
    }
    if (hasCode(error, 'REGISTRY.EVIDENCE_MISSING') || hasCode(error, 'REGISTRY.EVIDENCE_FAILED')) {
      return { state: run.state === 'gate_failed' ? 'failed' : 'gate_failed', reason: message, work };
    }
    throw error;
  }

  private async findJob(run: PipelineRunRecord, id: string | undefined): Promise<JobRecord | undefined> {
    return id === undefined ? undefined : this.jobs.find(this.database, { workspace: run.workspace, id });
  }
}

function awaitVersion(run: PipelineRunRecord): Step {
  const { modelVersion } = run.facts;
  if (modelVersion === undefined) return { waitSeconds: EVENT_POLL_SECONDS };
  return { state: 'evaluating', reason: `version ${modelVersion} is scored` };
}

function awaitAlias(run: PipelineRunRecord): Step {
  const { aliasMoved, approval, modelVersion } = run.facts;
  if (aliasMoved)
    return { state: 'succeeded', reason: `alias ${run.spec.alias} points to version ${modelVersion}: ${aliasMoved.reason}` };
  if (approval && approval.state !== 'approved') {
    return { state: 'rejected', reason: `the approval was ${approval.state} by ${approval.by || 'nobody'}: ${approval.reason}` };
  }
  return { waitSeconds: EVENT_POLL_SECONDS };
}

function gateWords(run: PipelineRunRecord, work: RunWork): string {
  const rules = (work.gate ?? []).map((outcome) => outcome.reason).join('; ');
  return `pipeline ${run.pipelineName}: ${rules || 'no gate rules'}`.slice(0, 2000);
}
