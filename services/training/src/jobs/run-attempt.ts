// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Logger } from '#libs/observability';
import { UnitOfWork } from '#libs/persistence';
import { TrainingSettings } from '../config';
import { Executor } from '../executors/executor';
import { type CheckpointLine, PROCESS_FILE, type ProcessFile } from '../trainers/trainer-contract';
import { EVALUATOR, TrainerCatalog } from '../trainers/trainer-catalog';
import { AttemptProgress } from './attempt-progress';
import { FinishAttempt, toFailure } from './finish-attempt';
import { isPassing, type ProcessEnd } from './failure';
import { type AttemptRecord, type CheckpointRecord, type ExecutorHandle, fineTuneSpec, type JobRecord } from './job';
import { attemptTokenOf, JobFolders } from './job-folders';
import type { JobLease } from './job-lease';
import { JobRecorder } from './job-recorder';
import { JobsRepository } from './jobs.repository';
import { type CheckpointStamp, PrepareAttempt } from './prepare-attempt';
import { RunAttemptPorts } from './run-attempt-ports';
import type { WorkFiles } from './work-files';

/** How long an attempt may wait for peers, blobs or disk before its trainer starts; then it has failed. */
const START_SECONDS_MAX = 3_600;

/** Runs the attempt of a claimed job to its end, or as far as this process may: starts it, or goes on with one that was found. */
@Injectable()
export class RunAttempt {
  private readonly executor: Executor;
  private readonly jobs: JobsRepository;
  private readonly recorder: JobRecorder;
  private readonly unitOfWork: UnitOfWork;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly files: WorkFiles;

  constructor(
    ports: RunAttemptPorts,
    private readonly prepare: PrepareAttempt,
    private readonly finish: FinishAttempt,
    private readonly folders: JobFolders,
    private readonly trainers: TrainerCatalog,
    private readonly settings: TrainingSettings,
  ) {
    this.executor = ports.executor;
    this.jobs = ports.jobs;
    this.recorder = ports.recorder;
    this.unitOfWork = ports.unitOfWork;
    this.clock = ports.clock;
    this.logger = ports.logger;
    this.files = ports.files;
  }

  async execute(claimed: JobRecord, lease: JobLease): Promise<void> {
    const checkpoint = await this.newestCheckpoint(claimed);
    let job = claimed;
    let handle: ExecutorHandle | undefined;
    if (claimed.state === 'queued') {
      // The intent: whoever finds this row knows that the attempt may have a process.
      const attempt = { number: claimed.attempts + 1, executor: this.executor.name, resumedFromStep: checkpoint?.step ?? 0 };
      job = await this.unitOfWork.run((tx) => this.recorder.started(tx, claimed, attempt), { label: 'start attempt' });
    } else {
      handle = await this.findProcess(claimed);
      this.logger.info({ jobId: job.id, attempt: job.attempts, adopted: handle !== undefined }, 'job taken over');
    }
    if (!handle) {
      try {
        handle = await this.start(job, checkpoint, lease);
      } catch (error) {
        if (lease.cause === 'lease-lost') return;
        if (await this.mayWait(job, lease, error)) return this.finish.leaveForLater(job, 'attempt not started yet', error);
        // Somebody who had lost the job may have started one meanwhile: then that one is the attempt's.
        handle = await this.closeUnstarted(job);
        if (!handle) return this.endUnstarted(job, lease, error);
      }
      // Not an attempt that failed when this fails: the trainer runs, and whoever has the job next finds it by its own file.
      await this.saveHandle(job, handle);
    }
    const watched = await this.watch(job, handle, lease);
    if (watched) await this.finish.execute(watched.job, lease, watched.end);
  }

  /** A fault that passes says nothing about the job: its attempt stays open for whoever has the job next, for a time. */
  private async mayWait(job: JobRecord, lease: JobLease, error: unknown): Promise<boolean> {
    if (lease.cause || !isPassing(error)) return false;
    return ((await this.findAttempt(job))?.seconds ?? 0) < START_SECONDS_MAX;
  }

  /** Takes the place of a process, so that none that is started late can take it; gives the one that has it, if there is one. */
  private async closeUnstarted(job: JobRecord): Promise<ExecutorHandle | undefined> {
    const folder = this.folders.ofAttempt(job, job.attempts);
    const closed: ProcessFile = { pid: 0, attemptToken: '' };
    try {
      await this.files.makeFolder(folder);
      if (await this.files.createText(join(folder, PROCESS_FILE), JSON.stringify(closed))) return undefined;
    } catch (error) {
      // A disk that refuses this refuses a process too, so the attempt ends: a job must not wait for ever for a full disk.
      this.logger.warn({ jobId: job.id, attempt: job.attempts, err: error }, 'attempt not closed');
      return undefined;
    }
    return this.executor.find(folder, attemptTokenOf(job, job.attempts));
  }

  /** No process runs, so the attempt may end: as failed, or as those wanted it who stopped it. */
  private async endUnstarted(job: JobRecord, lease: JobLease, error: unknown): Promise<void> {
    if (lease.cause === 'cancel') return this.finish.cancel(job, lease);
    if (lease.cause === 'shutdown') {
      await this.unitOfWork.run((tx) => this.recorder.interrupted(tx, job), { label: 'hand job back' });
      return;
    }
    this.logger.warn({ jobId: job.id, attempt: job.attempts, err: error }, 'attempt not started');
    return this.finish.fail(job, toFailure(error));
  }

  private async start(job: JobRecord, checkpoint: CheckpointRecord | undefined, lease: JobLease): Promise<ExecutorHandle> {
    const folder = await this.prepare.execute(job, checkpoint, lease.signal);
    lease.signal.throwIfAborted();
    const command = this.trainers.command(job.kind === 'fine-tune' ? fineTuneSpec(job).trainer : EVALUATOR);
    return this.executor.start({ folder, command, attemptToken: attemptTokenOf(job, job.attempts) });
  }

  // A process whose service was killed between its start and its record is found by the file that it made itself.
  private async findProcess(job: JobRecord): Promise<ExecutorHandle | undefined> {
    const attempt = await this.findAttempt(job);
    if (attempt?.handle) return attempt.handle;
    const found = await this.executor.find(this.folders.ofAttempt(job, job.attempts), attemptTokenOf(job, job.attempts));
    if (found) await this.saveHandle(job, found);
    return found;
  }

  private async saveHandle(job: JobRecord, handle: ExecutorHandle): Promise<void> {
    await this.unitOfWork.run(
      async (tx) => {
        await this.jobs.update(tx, job, {}, job.leaseToken);
        await this.jobs.setAttemptHandle(tx, job, job.attempts, handle);
      },
      { label: 'save attempt handle' },
    );
  }

  /** Follows the process until it is gone; undefined when the job was taken over by another service process. */
  private async watch(
    started: JobRecord,
    first: ExecutorHandle,
    lease: JobLease,
  ): Promise<{ job: JobRecord; end: ProcessEnd } | undefined> {
    let job = started;
    let handle = first;
    const offset = (await this.findAttempt(job))?.progressOffset ?? 0;
    const progress = new AttemptProgress(this.files, handle.folder, offset);
    const stopping = new StopEscalation(this.executor, this.clock, this.settings.trainerStopSeconds);
    let flushedMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (lease.cause === 'lease-lost') return undefined;
      if (lease.cause) await stopping.step(handle);
      // Status first: what a process wrote before it ended is then read after it ended.
      const status = await this.executor.status(handle);
      const isUrgent = await progress.poll();
      const isDue = this.clock.monotonicMs() - flushedMs >= this.settings.progressMilliseconds;
      if (!progress.isEmpty && (isUrgent || isDue || !status.alive)) {
        job = await this.record(job, handle, progress);
        flushedMs = this.clock.monotonicMs();
      }
      if (!status.alive) {
        // Two may have been started when the job changed hands; the one that came second gave up, and nobody may have seen that.
        const other = await this.executor.find(handle.folder, handle.attemptToken);
        if (!other || other.pid === handle.pid) return { job, end: status.end };
        handle = other;
      } else await this.clock.sleep(this.settings.pollMilliseconds);
    }
  }

  private async record(job: JobRecord, handle: ExecutorHandle, progress: AttemptProgress): Promise<JobRecord> {
    const batch = progress.flush();
    const checkpoints: { step: number; manifestDigest: string }[] = [];
    for (const line of job.kind === 'fine-tune' ? batch.checkpoints : []) {
      const manifestDigest = await this.storeCheckpoint(job, handle, line);
      if (manifestDigest) checkpoints.push({ step: line.step, manifestDigest });
    }
    return this.unitOfWork.run(
      async (tx) => {
        let updated = job;
        if (batch.progress) updated = await this.recorder.progressed(tx, updated, batch.progress);
        for (const checkpoint of checkpoints) updated = await this.recorder.checkpointed(tx, updated, checkpoint);
        for (const note of batch.notes) {
          await this.recorder.noted(tx, updated, { level: note.level, type: 'attempt', message: note.message, data: note.data });
        }
        await this.jobs.setProgressOffset(tx, job, job.attempts, batch.offset);
        return updated;
      },
      { label: 'record progress' },
    );
  }

  private async storeCheckpoint(job: JobRecord, handle: ExecutorHandle, line: CheckpointLine): Promise<string | undefined> {
    const folder = join(handle.folder, line.folder);
    // The trainer keeps the newest ones only; a service that was away for long finds old ones gone.
    if (!(await this.files.exists(folder))) return undefined;
    const stamp: CheckpointStamp = { kind: 'checkpoint', jobId: job.id, step: line.step, baseModelDigest: job.modelDigest };
    return this.files.storeModel(folder, { ...stamp });
  }

  private async newestCheckpoint(job: JobRecord): Promise<CheckpointRecord | undefined> {
    const [newest] = await this.unitOfWork.run((tx) => this.jobs.listCheckpoints(tx, job, { size: 1 }), {
      label: 'find checkpoint',
    });
    return newest;
  }

  private async findAttempt(job: JobRecord): Promise<AttemptRecord | undefined> {
    const attempts = await this.unitOfWork.run((tx) => this.jobs.listAttempts(tx, job), { label: 'find attempt' });
    return attempts.find((attempt) => attempt.number === job.attempts);
  }
}

/** SIGTERM once, then SIGKILL after a while. */
class StopEscalation {
  private askedMs: number | undefined;
  private isKilled = false;

  constructor(
    private readonly executor: Executor,
    private readonly clock: Clock,
    private readonly graceSeconds: number,
  ) {}

  async step(handle: ExecutorHandle): Promise<void> {
    if (this.askedMs === undefined) {
      this.askedMs = this.clock.monotonicMs();
      await this.executor.signal(handle, 'SIGTERM');
    } else if (!this.isKilled && this.clock.monotonicMs() - this.askedMs > this.graceSeconds * 1000) {
      this.isKilled = true;
      await this.executor.signal(handle, 'SIGKILL');
    }
  }
}
