// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { type AppError, hasCode, toAppError } from '#libs/errors';
import { UnitOfWork, type Transaction } from '#libs/persistence';
import { TrainingSettings } from '../config';
import {
  type EvaluatorJob,
  type EvaluatorSuccess,
  JOB_FILE,
  parseWorkerLine,
  parseWorkerResult,
  PROGRESS_FILE,
  RESULT_FILE,
  type TrainerJob,
  type TrainerSuccess,
  type WorkerResult,
} from '../trainers/trainer-contract';
import { classifyProcessEnd, decideRetry, failureClasses, isPassing, type JobFailure, type ProcessEnd } from './failure';
import { fineTuneSpec, type JobRecord, type JobResult } from './job';
import { JobFolders } from './job-folders';
import type { JobLease } from './job-lease';
import { JobRecorder } from './job-recorder';
import { JobsRepository } from './jobs.repository';
import { JobsMetrics } from './jobs.metrics';
import { WorkFiles } from './work-files';

/** Turns the end of an attempt into the next state of its job. */
@Injectable()
export class FinishAttempt {
  constructor(
    private readonly files: WorkFiles,
    private readonly folders: JobFolders,
    private readonly jobs: JobsRepository,
    private readonly recorder: JobRecorder,
    private readonly unitOfWork: UnitOfWork,
    private readonly settings: TrainingSettings,
    private readonly metrics: JobsMetrics,
  ) {}

  /** The process is gone. What it left decides, then who asked it to stop, then how it ended. */
  async execute(job: JobRecord, lease: JobLease, end: ProcessEnd): Promise<void> {
    const folder = this.folders.ofAttempt(job, job.attempts);
    const left = await this.readResult(folder);
    if (lease.cause === 'cancel' && lease.cancel) return this.cancel(job, lease);
    if (left?.status === 'succeeded') return this.succeed(job, left, folder);
    if (lease.cause === 'shutdown' || left?.status === 'interrupted') {
      await this.unitOfWork.run((tx) => this.recorder.interrupted(tx, job), { label: 'hand job back' });
      return;
    }
    const failure = left?.status === 'failed' ? checkFailure(left) : classifyProcessEnd(end);
    await this.fail(job, failure);
  }

  /** The attempt failed: another one follows, or the job ends. */
  async fail(job: JobRecord, failure: JobFailure): Promise<void> {
    const failures = job.failures + 1;
    const decision = decideRetry(failure.failureClass, failures, {
      attemptsMax: this.settings.attemptsMax,
      backoffSeconds: this.settings.attemptBackoffSeconds,
      backoffSecondsMax: this.settings.attemptBackoffSecondsMax,
    });
    if (decision.retry) {
      const next = { failures, delaySeconds: decision.delaySeconds };
      await this.unitOfWork.run((tx) => this.recorder.retried(tx, job, failure, next), { label: 'retry job' });
      this.metrics.attempts.inc({ kind: job.kind, outcome: 'retried' });
      return;
    }
    await this.unitOfWork.run((tx) => this.recorder.failed(tx, job, failure, failures), { label: 'fail job' });
    this.metrics.attempts.inc({ kind: job.kind, outcome: 'failed' });
    await this.removeFiles(job);
  }

  async cancel(job: JobRecord, lease: Pick<JobLease, 'cancel'>): Promise<void> {
    const { cancel } = lease;
    if (!cancel) return;
    await this.unitOfWork.run((tx) => this.recorder.cancelled(tx, job, cancel), { label: 'cancel job' });
    this.metrics.attempts.inc({ kind: job.kind, outcome: 'cancelled' });
    await this.removeFiles(job);
  }

  /**
   * Says in the history why the attempt does not go on, and throws: its lease runs out, and whoever has the job then goes on from here.
   * The job itself is left unchanged, so that one that waits for long shows as stuck.
   */
  async leaveForLater(job: JobRecord, what: string, error: unknown): Promise<never> {
    const { code, message } = toFailure(error);
    const event = { level: 'warn', type: 'attempt', message: `${what}: ${message}`, data: { code } } as const;
    await this.unitOfWork.run((tx) => this.recorder.noted(tx, job, event), { label: 'leave job for later' });
    throw error;
  }

  private async succeed(job: JobRecord, left: TrainerSuccess | EvaluatorSuccess, folder: string): Promise<void> {
    const attempts = await this.unitOfWork.run((tx) => this.jobs.listAttempts(tx, job), { label: 'list attempts' });
    const durationSeconds = attempts.reduce((sum, attempt) => sum + attempt.seconds, 0);
    let result: JobResult;
    try {
      result =
        'slices' in left
          ? await this.storeEvaluation(left, folder, durationSeconds)
          : await this.storeModel(job, left, folder, durationSeconds);
    } catch (error) {
      // What was trained stays where it is, until it can be stored.
      if (isPassing(error)) return this.leaveForLater(job, 'result not stored yet', error);
      return this.fail(job, toFailure(error));
    }
    const outcome = await this.unitOfWork.run((tx) => this.endWell(tx, job, result), { label: 'end job' });
    this.metrics.attempts.inc({ kind: job.kind, outcome });
    await this.removeFiles(job);
  }

  /** A cancel that was answered with yes wins over a success that the lease had not yet told us to stop. */
  private async endWell(tx: Transaction, job: JobRecord, result: JobResult): Promise<'succeeded' | 'cancelled'> {
    const current = await this.jobs.lock(tx, { workspace: job.workspace, id: job.id });
    if (current?.cancel) {
      await this.recorder.cancelled(tx, job, current.cancel);
      return 'cancelled';
    }
    await this.recorder.succeeded(tx, job, result);
    return 'succeeded';
  }

  private async storeModel(job: JobRecord, left: TrainerSuccess, folder: string, durationSeconds: number): Promise<JobResult> {
    const { modelFolder } = await this.readJob<TrainerJob>(folder);
    // Nothing of the attempt goes into the manifest: the same training gives the same digest, whether it was resumed or not.
    const extra = { base: { name: job.modelName, digest: job.modelDigest }, trainer: fineTuneSpec(job).trainer };
    const modelManifestDigest = await this.files.storeModel(join(folder, modelFolder), extra);
    const lossCurveDigest = await this.files.storeText(await this.readLossCurve(job));
    const { metrics, steps, tokens, codeVersion } = left;
    return {
      kind: 'fine-tune',
      modelManifestDigest,
      metrics,
      steps,
      tokens,
      durationSeconds,
      codeVersion,
      lossCurveDigest,
    };
  }

  private async storeEvaluation(left: EvaluatorSuccess, folder: string, durationSeconds: number): Promise<JobResult> {
    const { answersFile } = await this.readJob<EvaluatorJob>(folder);
    const answersDigest = await this.files.storeFile(join(folder, answersFile));
    return { kind: 'evaluation', slices: left.slices, answersDigest, scorerVersion: left.scorerVersion, durationSeconds };
  }

  /** The loss of every step that counts, as JSON lines: of a step that was done twice, the attempt that the model comes from. */
  private async readLossCurve(job: JobRecord): Promise<string> {
    const bySteps = new Map<number, number>();
    for (let attempt = 1; attempt <= job.attempts; attempt += 1) {
      const text = await this.files.readText(join(this.folders.ofAttempt(job, attempt), PROGRESS_FILE));
      for (const line of (text ?? '').split('\n').map(parseWorkerLine))
        if (line?.type === 'progress') bySteps.set(line.step, line.loss);
    }
    return [...bySteps]
      .sort(([a], [b]) => a - b)
      .map(([step, loss]) => `${JSON.stringify({ step, loss })}\n`)
      .join('');
  }

  private async readResult(folder: string): Promise<WorkerResult | undefined> {
    const text = await this.files.readText(join(folder, RESULT_FILE));
    return text === undefined ? undefined : parseWorkerResult(text);
  }

  private async readJob<Job>(folder: string): Promise<Job> {
    const path = join(folder, JOB_FILE);
    const text = await this.files.readText(path);
    if (text === undefined) throw new Error(`${path} is gone`);
    return JSON.parse(text) as Job;
  }

  private async removeFiles(job: JobRecord): Promise<void> {
    await this.files.remove(this.folders.ofJob(job));
  }
}

/** A failure of the service's own part of an attempt: peers, blobs, disk, executor. */
export function toFailure(error: unknown): JobFailure {
  const known: AppError = toAppError(error);
  const systemCode = (error as NodeJS.ErrnoException).code;
  const message =
    hasCode(error, 'COMMON.INTERNAL') || known !== error ? (error as Error).message || known.message : known.message;
  if (known.retry === 'never' && known === error) {
    const failureClass = known.code.startsWith('TRAINING.ROWS') || known.kind === 'not-found' ? 'data' : 'user';
    return { failureClass, code: known.code, message };
  }
  return { failureClass: 'infrastructure', code: known === error ? known.code : (systemCode ?? known.code), message };
}

function checkFailure(left: Extract<WorkerResult, { status: 'failed' }>): JobFailure {
  const { failureClass, code, message, violations } = left;
  const isKnown = failureClasses.includes(failureClass);
  return {
    failureClass: isKnown ? failureClass : 'user',
    code: typeof code === 'string' ? code : 'TRAINING.TRAINER_CRASHED',
    message: typeof message === 'string' ? message.slice(0, 4000) : 'the trainer gave no message',
    ...(Array.isArray(violations) ? { violations } : {}),
  };
}
