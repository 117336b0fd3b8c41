// SPDX-License-Identifier: Apache-2.0
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Logger } from '#libs/observability';
import { IngestionSettings } from '../config';
import { UPLOAD_FOLDER_PREFIX } from '../rows/read-parquet';

/** An upload that brings no byte for so long was ended by its door long ago, and none is read for so long. */
const SILENT_HOURS_MAX = 24;

/**
 * Removes, at a start, the files of uploads whose process was killed: each may have as many bytes as an upload. Processes may share
 * the work folder, so what was written to within a day is left alone.
 */
@Injectable()
export class RemoveOldUploadFiles implements OnApplicationBootstrap {
  constructor(
    private readonly settings: IngestionSettings,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const oldestMs = this.clock.now().getTime() - SILENT_HOURS_MAX * 3_600_000;
    try {
      for (const name of await entriesOf(this.settings.workDir)) {
        const folder = join(this.settings.workDir, name);
        if (!name.startsWith(UPLOAD_FOLDER_PREFIX) || (await writtenTime(folder)) > oldestMs) continue;
        await rm(folder, { recursive: true, force: true });
        this.logger.info({ folder }, 'the files of an upload whose process is gone were removed');
      }
    } catch (error) {
      // Uploads work all the same; the next start tries again.
      this.logger.warn({ err: error, folder: this.settings.workDir }, 'could not remove the files of old uploads');
    }
  }
}

/** When something in the folder was last written: writing to a file changes its own time only. */
async function writtenTime(folder: string): Promise<number> {
  const times = [await changedTime(folder)];
  for (const name of await entriesOf(folder)) times.push(await changedTime(join(folder, name)));
  return Math.max(...times);
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** For ever in the future when its owner removed it meanwhile: the upload ends at this moment. */
async function changedTime(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Infinity;
    throw error;
  }
}
