// SPDX-License-Identifier: Apache-2.0
import { readdir } from 'node:fs/promises';
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

const WORKSPACE_PREFIX = 'workspace-';
const JOB_PREFIX = 'job-';

/** Where the files of a job live: `<work folder>/<workspace>/<job>/{rows,base,attempt-<n>}`. */
export class JobFolders {
  private readonly root: string;

  constructor(workDir: string) {
    this.root = resolve(workDir);
  }

  ofJob(job: Pick<JobRecord, 'workspace' | 'id'>): string {
    // Prefixed, so that no workspace name can climb out of the folder.
    const { workspace, id } = job;
    return join(this.root, WORKSPACE_PREFIX + encodeURIComponent(workspace), JOB_PREFIX + encodeURIComponent(id));
  }

  /** Jobs that have files here. */
  async list(): Promise<{ workspace: string; id: string }[]> {
    const jobs: { workspace: string; id: string }[] = [];
    for (const workspace of await namesIn(this.root, WORKSPACE_PREFIX)) {
      for (const id of await namesIn(join(this.root, WORKSPACE_PREFIX + workspace), JOB_PREFIX)) {
        jobs.push({ workspace: decodeURIComponent(workspace), id: decodeURIComponent(id) });
      }
    }
    return jobs;
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

/** What follows the prefix, of every name in the folder that has it; none when there is no such folder. */
async function namesIn(folder: string, prefix: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** On the command line of the process of an attempt; job ids are UUIDs, so it is unique. */
export const attemptTokenOf = (job: Pick<JobRecord, 'id'>, attempt: number): string => `${job.id}.${attempt}`;
