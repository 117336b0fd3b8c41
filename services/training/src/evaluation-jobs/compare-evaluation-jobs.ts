// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { EvaluationResult, JobRecord, SliceResult } from '../jobs/job';
import { TrainingErrors } from '../jobs/jobs.errors';
import { ReadJobs } from '../jobs/read-jobs';
import { compareByMcNemar, type PairedComparison, unpackBits } from '../scoring/mcnemar';

export interface SliceComparison extends PairedComparison {
  slice: string;
}

/** Compares two finished evaluation jobs on the rows that both scored. */
@Injectable()
export class CompareEvaluationJobs {
  constructor(private readonly read: ReadJobs) {}

  async execute(workspace: string, candidateId: string, controlId: string): Promise<SliceComparison[]> {
    const candidate = finishedResult(await this.read.find(workspace, candidateId, 'evaluation'));
    const control = finishedResult(await this.read.find(workspace, controlId, 'evaluation'));
    const comparisons = compareResults(candidate, control);
    if (comparisons.length === 0) {
      throw TrainingErrors.NOT_COMPARABLE('the two evaluation jobs scored no slice with the same rows', {
        candidateId,
        controlId,
      });
    }
    return comparisons;
  }
}

/** One comparison for each slice of the candidate whose very rows the control scored too. */
export function compareResults(candidate: EvaluationResult, control: EvaluationResult): SliceComparison[] {
  return candidate.slices.flatMap((slice) => {
    const other = control.slices.find((entry) => entry.contentDigest === slice.contentDigest && rowsOf(entry) === rowsOf(slice));
    if (!other) return [];
    const rows = rowsOf(slice);
    return [{ slice: slice.slice, ...compareByMcNemar(unpackBits(slice.rightBits, rows), unpackBits(other.rightBits, rows)) }];
  });
}

/** The result of an evaluation that has succeeded; throws NOT_COMPARABLE otherwise. */
export function finishedResult(job: JobRecord): EvaluationResult {
  if (job.result?.kind === 'evaluation') return job.result;
  throw TrainingErrors.NOT_COMPARABLE(`evaluation job ${job.id} is ${job.state}, not succeeded`, {
    jobId: job.id,
    state: job.state,
  });
}

const rowsOf = (slice: SliceResult): number => slice.metrics[0]?.rows ?? 0;
