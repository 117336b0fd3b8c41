// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { TrainingSettings } from '../config';
import { DatasetReader } from '../datasets/dataset-reader';
import type { ContractRows } from '../trainers/trainer-contract';
import type { JobViolation } from './failure';
import type { JobRecord } from './job';
import { JobFolders, type StageTarget } from './job-folders';
import { specInvalid } from './jobs.errors';
import { RowCheck } from './row-check';
import { findStaged, stageRows } from './stage-rows';
import { parseTemplate, type Template } from './template';

export interface StagedRows extends ContractRows {
  /** Rows by answer, or undefined when the file was there already. */
  answers?: ReadonlyMap<string, number>;
}

export type StageOutcome = { files: StagedRows[]; violations: JobViolation[]; faultyRows: number };

/** Reads the rows of a job from ingestion, checks every one, and writes them as prompts and answers for the trainer. */
@Injectable()
export class StageJobRows {
  constructor(
    private readonly datasets: DatasetReader,
    private readonly folders: JobFolders,
    private readonly settings: TrainingSettings,
  ) {}

  /** Files that an earlier call left are used again, unless `reads` is 'all': versions never change. Stops when the signal is aborted. */
  async execute(job: JobRecord, signal: AbortSignal, reads: 'missing' | 'all' = 'missing'): Promise<StageOutcome> {
    const outcome: StageOutcome = { files: [], violations: [], faultyRows: 0 };
    for (const target of this.folders.stageTargets(job)) {
      signal.throwIfAborted();
      const found = reads === 'missing' ? await findStaged(target.path) : undefined;
      if (found) {
        outcome.files.push({ ...found, file: target.relativePath });
        continue;
      }
      const check = this.makeCheck(target);
      const source = this.datasets.exportRows(job.workspace, target.input.datasetVersionId, signal);
      const staged = await stageRows({ source, target: target.path, check, rowsMax: this.settings.rowsMax });
      outcome.files.push({ ...staged, file: target.relativePath, answers: check.answers });
      outcome.violations.push(...check.violations());
      outcome.faultyRows += check.faultCount;
    }
    return outcome;
  }

  private makeCheck(target: StageTarget): RowCheck {
    return new RowCheck({
      field: target.field,
      prompt: readTemplate(target.input.promptTemplate, `${target.field}.promptTemplate`),
      answer: readTemplate(target.input.answerTemplate, `${target.field}.answerTemplate`),
      labels: new Set(target.labels),
      violationsMax: this.settings.rowFaultsListedMax,
    });
  }
}

function readTemplate(source: string, field: string): Template {
  const violations: JobViolation[] = [];
  const template = parseTemplate(source, field, violations);
  if (!template) throw specInvalid(violations);
  return template;
}
