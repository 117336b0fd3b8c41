// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Clock } from '#libs/clock';

/** How much older than the longest try a folder is when its process is surely gone, in seconds. */
const REST_SECONDS = 3_600;

/** A folder for each try of a job, below the work folder that processes of one host may share. */
export class TryFolders {
  private readonly root: string;

  constructor(
    workDir: string,
    private readonly trySecondsMax: number,
    private readonly clock: Clock,
  ) {
    this.root = join(resolve(workDir), 'jobs');
  }

  async make(): Promise<string> {
    await mkdir(this.root, { recursive: true });
    return mkdtemp(join(this.root, 'try-'));
  }

  remove(folder: string): Promise<void> {
    return rm(folder, { recursive: true, force: true });
  }

  /** Removes what a killed process left behind; younger folders may belong to another process on this host. */
  async removeOld(): Promise<void> {
    const oldMs = (this.trySecondsMax + REST_SECONDS) * 1000;
    await mkdir(this.root, { recursive: true });
    for (const name of await readdir(this.root)) {
      const folder = join(this.root, name);
      if (this.clock.now().getTime() - (await changedTime(folder)) > oldMs) await this.remove(folder);
    }
  }
}

/** When the folder was last changed; for ever in the future when its owner removed it meanwhile: it ends its job at this moment. */
async function changedTime(folder: string): Promise<number> {
  try {
    return (await stat(folder)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Infinity;
    throw error;
  }
}
