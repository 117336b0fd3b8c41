// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startIngestion } from './support';

const DAYS_AGO = new Date(Date.now() - 3 * 24 * 3_600_000);

describe('files of uploads whose process was killed', () => {
  it('are removed at the next start, those of a slow upload and of others are not', async () => {
    const workDir = await mkdtemp(join(tmpdir(), 'ingestion-work-'));
    for (const name of ['parquet-killed', 'parquet-slow', 'notes']) {
      await mkdir(join(workDir, name));
      await writeFile(join(workDir, name, 'upload.parquet'), 'PAR1');
      await utimes(join(workDir, name), DAYS_AGO, DAYS_AGO);
    }
    // The folder of a slow upload is as old; its file is not.
    for (const name of ['parquet-killed', 'notes']) await utimes(join(workDir, name, 'upload.parquet'), DAYS_AGO, DAYS_AGO);
    const ingest = await startIngestion({ WORK_DIR: workDir });
    try {
      expect((await readdir(workDir)).sort()).toEqual(['notes', 'parquet-slow']);
    } finally {
      await ingest.close();
      await rm(workDir, { recursive: true, force: true });
    }
  }, 60_000);
});
