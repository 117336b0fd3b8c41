// SPDX-License-Identifier: Apache-2.0
import { join, resolve } from 'node:path';
import { evaluationSpec, fineTuneSpec, type JobRecord, type ResolvedInput } from './job';

/** Rows that a job needs as a file: which version, checked how, where to. */
export interface StageTarget {
  /** Path of the input in the spec, for faults. */
  field: string;
  input: ResolvedInput;
  /** Relative to the attempt folder. */
  relativePath: string;
  /** Absolute. */
  path: string;
  labels: readonly string[];
}

/** Where the files of a job live: `<work folder>/<workspace>/<job>/{rows,base,attempt-<n>}`. */
export class JobFolders {
  private readonly root: string;

  constructor(workDir: string) {
    this.root = resolve(workDir);
  }

  ofJob(job: Pick<JobRecord, 'workspace' | 'id'>): string {
    // Prefixed, so that no workspace name can climb out of the folder.
    return join(this.root, `workspace-${encodeURIComponent(job.workspace)}`, `job-${encodeURIComponent(job.id)}`);
  }

  ofAttempt(job: Pick<JobRecord, 'workspace' | 'id'>, attempt: number): string {
    return join(this.ofJob(job), `attempt-${attempt}`);
  }

  model(job: JobRecord): { path: string; relativePath: string } {
    return { path: join(this.ofJob(job), 'base'), relativePath: '../base' };
  }

  /** Every file of rows that the job needs, in the order of its inputs. */
  stageTargets(job: JobRecord): StageTarget[] {
    const labels = job.kind === 'fine-tune' ? fineTuneSpec(job).labels : [];
    const slices = job.kind === 'evaluation' ? evaluationSpec(job).slices.length : 0;
    return job.inputs.map((input, index) => {
      const name = `rows-${index}.jsonl`;
      const evaluationField = index < slices ? `slices[${index}]` : `baselineTraining[${index - slices}]`;
      return {
        field: job.kind === 'fine-tune' ? `inputs[${index}]` : evaluationField,
        input,
        relativePath: `../rows/${name}`,
        path: join(this.ofJob(job), 'rows', name),
        labels,
      };
    });
  }
}

/** On the command line of the process of an attempt; job ids are UUIDs, so it is unique. */
export const attemptTokenOf = (job: Pick<JobRecord, 'id'>, attempt: number): string => `${job.id}.${attempt}`;
