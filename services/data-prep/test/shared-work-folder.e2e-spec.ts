// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestService } from '#libs/testing';
import { AppModule } from '../src/app.module';
import { DataPrepSettings } from '../src/config';
import { migrations } from '../src/migrations';

describe('replicas that share a work folder', () => {
  it('start although another one ends a job, and removes its folder, while they look for old ones', async () => {
    const workDir = await mkdtemp(join(tmpdir(), 'millrace-work-'));
    await mkdir(join(workDir, 'jobs'));
    // An entry that is listed and cannot be looked at: what a folder is that goes away between the two.
    await symlink(join(workDir, 'gone'), join(workDir, 'jobs', 'try-gone'));
    const service = await startTestService({
      service: 'data-prep',
      settings: DataPrepSettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: { WORK_DIR: workDir },
    });
    try {
      expect((await fetch(`${service.baseUrl}/health/live`)).status).toBe(200);
    } finally {
      await service.close();
      await rm(workDir, { recursive: true, force: true });
    }
  }, 60_000);
});
