// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore } from '#libs/storage';
import { JOB_FILE, PROCESS_FILE } from '../trainers/trainer-contract';
import type { JobRecord } from './job';
import { JobFolders } from './job-folders';
import type { JobRecorder } from './job-recorder';
import { PrepareAttempt } from './prepare-attempt';
import type { StageJobRows, StageOutcome } from './stage-job-rows';
import { ValidateJob } from './validate-job';
import { DiskWorkFiles } from './work-files';

/** The base model is there: nothing is fetched. */
class Files extends DiskWorkFiles {
  override async fetchModel(): Promise<never> {
    return {} as never;
  }
}

const job = {
  workspace: 'w',
  id: 'j',
  kind: 'fine-tune',
  spec: {},
  inputs: [],
  modelDigest: 'd',
  attempts: 1,
} as unknown as JobRecord;

describe('a process that has lost its job and was not told yet', () => {
  const { signal } = new AbortController();
  let root: string;
  let folders: JobFolders;
  const files = new Files({} as BlobStore);
  const staging = (violations: StageOutcome['violations']) =>
    ({ execute: async () => ({ files: [], violations, faultyRows: violations.length }) }) as unknown as StageJobRows;
  const prepare = () => new PrepareAttempt(files, staging([]), folders);

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-prepare-'));
    folders = new JobFolders(root);
    await files.makeFolder(folders.ofJob(job));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('leaves the folder of an attempt as it is while it prepares it again', async () => {
    const folder = await prepare().execute({ ...job, leaseToken: '2' }, undefined, signal);
    await writeFile(join(folder, PROCESS_FILE), '{}');
    expect(await prepare().execute({ ...job, leaseToken: '1' }, undefined, signal)).toBe(folder);
    expect((await readdir(folder)).sort()).toEqual([JOB_FILE, PROCESS_FILE]);
  });

  it('does not open an attempt again that ended before it had a process', async () => {
    const folder = folders.ofAttempt(job, 1);
    await files.makeFolder(folder);
    await writeFile(join(folder, PROCESS_FILE), '{}');
    expect(await prepare().execute({ ...job, leaseToken: '1' }, undefined, signal)).toBe(folder);
    expect(await readdir(folder)).toEqual([PROCESS_FILE]);
    expect((await readdir(folders.ofJob(job))).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('takes no files away while it checks rows', async () => {
    const folder = await prepare().execute({ ...job, leaseToken: '2' }, undefined, signal);
    const lost = { run: async () => Promise.reject(new Error('lost')) };
    for (const violations of [[], [{ field: 'inputs[0]', message: 'does not fit' }]]) {
      const validate = new ValidateJob(staging(violations), folders, files, {} as JobRecorder, lost as never);
      await expect(validate.execute(job, signal)).rejects.toThrow('lost');
      expect(await readdir(folder)).toEqual([JOB_FILE]);
    }
  });
});
