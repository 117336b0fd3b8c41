// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, IdlePause } from '#libs/clock';
import { isAppError } from '#libs/errors';
import { Logger } from '#libs/observability';
import { Database, UnitOfWork } from '#libs/persistence';
import { TrainingSettings } from '../config';
import { isEnded, mayMoveRun, type PipelineRunRecord } from './pipeline-run';
import { PipelineRunsRepository, type RunChanges } from './pipeline-runs.repository';
import { RunStatePublisher } from './run-state-publisher';
import type { Step } from './run-step';
import { StepRun } from './step-run';

/** Longest time that one step may take before another process takes the run, in seconds. */
const LEASE_SECONDS = 60;
const BACKOFF_SECONDS_MAX = 30;
/** Errors that are nobody's known failure are tried this often before the run fails. */
const UNKNOWN_ERRORS_MAX = 5;

/**
 * Drives runs: claims one that is due, makes its next step, records it. A kill between a step's calls and its record repeats the
 * step; all its calls carry request ids that depend on the run alone, so others do nothing twice.
 */
@Injectable()
export class PipelineRunDriver {
  private readonly stopping = new AbortController();
  private loop: Promise<void> | undefined;
  private wakeUp: (() => void) | undefined;
  private isAwake = false;
  private readonly idle: IdlePause;

  constructor(
    private readonly runs: PipelineRunsRepository,
    private readonly step: StepRun,
    private readonly publisher: RunStatePublisher,
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
    private readonly logger: Logger,
    settings: TrainingSettings,
  ) {
    this.idle = new IdlePause(settings.pollMilliseconds);
  }

  start(): void {
    this.loop ??= this.run();
  }

  /** A run was started or learned something: look now. */
  wake(): void {
    this.isAwake = true;
    this.idle.reset();
    this.wakeUp?.();
  }

  /** Ends after the step that is being made. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wakeUp?.();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.isAwake = false;
      try {
        while (!this.stopping.signal.aborted && (await this.driveOne())) this.idle.reset();
      } catch (error) {
        this.logger.error({ err: error }, 'pipeline runs not read');
      }
      if (!this.isAwake && !this.stopping.signal.aborted) await this.pause();
    }
  }

  private async driveOne(): Promise<boolean> {
    const run = await this.runs.claim(this.database, LEASE_SECONDS);
    if (!run) return false;
    let step: Step;
    try {
      step = await this.step.execute(run);
    } catch (error) {
      step = this.failedStep(run, error);
    }
    await this.record(run, step);
    return true;
  }

  private async record(claimed: PipelineRunRecord, step: Step): Promise<void> {
    await this.unitOfWork.run(
      async (tx) => {
        const run = await this.runs.lock(tx, claimed);
        // Cancelled, or taken over after a pause longer than the lease: this step no longer counts.
        if (!run || run.leaseToken !== claimed.leaseToken || run.state !== claimed.state) return;
        const to = step.state ?? run.state;
        if (to !== run.state && !mayMoveRun(run.state, to)) throw new Error(`a run may not go from ${run.state} to ${to}`);
        const work = { ...run.work, ...step.work, ...(await step.write?.(tx)) };
        const saved = await this.runs.save(tx, { ...run, facts: claimed.facts }, this.changes(run, step, work));
        if (to === run.state) return;
        await this.publisher.publish(tx, run.state, saved);
        tx.afterCommit(() =>
          this.logger.info({ pipelineRunId: run.id, from: run.state, to, reason: saved.reason }, 'pipeline run moved'),
        );
      },
      { label: 'record pipeline step' },
    );
  }

  private changes(run: PipelineRunRecord, step: Step, work: PipelineRunRecord['work']): RunChanges {
    const state = step.state ?? run.state;
    const lastError = step.lastError ?? '';
    return {
      state,
      reason: step.reason ?? run.reason,
      work,
      lastError,
      failures: lastError === '' ? 0 : run.failures + 1,
      waitSeconds: step.state ? 0 : (step.waitSeconds ?? 1),
      ended: isEnded(state),
    };
  }

  private failedStep(run: PipelineRunRecord, error: unknown): Step {
    const message = (error as Error).message;
    const isFinal = isAppError(error) ? error.retry === 'never' : run.failures >= UNKNOWN_ERRORS_MAX;
    this.logger.warn({ pipelineRunId: run.id, state: run.state, isFinal, err: error }, 'pipeline step failed');
    if (isFinal) return { state: 'failed', reason: message };
    return { lastError: message, waitSeconds: Math.min(2 ** run.failures, BACKOFF_SECONDS_MAX) };
  }

  private async pause(): Promise<void> {
    const wait = new AbortController();
    this.wakeUp = () => wait.abort();
    // The wait ends by time or by wake(), which aborts it.
    await this.clock.sleepUnlessAborted(this.idle.next(), wait.signal);
    this.wakeUp = undefined;
  }
}
