// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '#libs/persistence';
import type { JobFailure } from './failure';
import type { JobRecord } from './job';
import { JobFolders } from './job-folders';
import { JobRecorder } from './job-recorder';
import { type StageOutcome, StageJobRows } from './stage-job-rows';
import { WorkFiles } from './work-files';

/** Labels that a job's history lists. */
const LABELS_LISTED = 50;

/** Reads and checks every row of a job, then queues it or fails it. Nothing has been spent by then. */
@Injectable()
export class ValidateJob {
  constructor(
    private readonly stage: StageJobRows,
    private readonly folders: JobFolders,
    private readonly files: WorkFiles,
    private readonly recorder: JobRecorder,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  async execute(job: JobRecord, signal: AbortSignal): Promise<void> {
    // Nothing is removed before the end is recorded: this process may have lost the job without knowing, and its trainer may run.
    const outcome = await this.stage.execute(job, signal, 'all');
    if (outcome.violations.length > 0) {
      await this.unitOfWork.run((tx) => this.recorder.failed(tx, job, describe(outcome), 0), { label: 'fail invalid job' });
      await this.files.remove(this.folders.ofJob(job));
      return;
    }
    const inputs = job.inputs.map((input, index) => ({ ...input, rows: outcome.files[index]?.rows ?? input.rows }));
    const facts = { rows: inputs.map((input) => input.rows), labels: labelCounts(outcome) };
    await this.unitOfWork.run((tx) => this.recorder.validated(tx, job, { inputs }, facts), { label: 'queue job' });
  }
}

function describe({ violations, faultyRows }: StageOutcome): JobFailure {
  const listed = violations.map((violation) => `${violation.field}: ${violation.message}`).join('; ');
  const count = faultyRows > violations.length ? `${faultyRows} rows do not fit, the first ones: ` : '';
  return { failureClass: 'data', code: 'TRAINING.ROWS_INVALID', message: `${count}${listed}`.slice(0, 4000), violations };
}

function labelCounts({ files }: StageOutcome): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { answers } of files) for (const [label, rows] of answers ?? []) counts.set(label, (counts.get(label) ?? 0) + rows);
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]).slice(0, LABELS_LISTED));
}
