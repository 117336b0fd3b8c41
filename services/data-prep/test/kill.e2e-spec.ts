// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventLogMigrations } from '#libs/messaging';
import { createTestDatabase, dropTestDatabase, eventually, spawnService, type KilledProcess } from '#libs/testing';
import { migrations } from '../src/migrations';
import { FakeIngestion } from './fake-ingestion';
import { RECIPE, ROWS, type Json } from './service-under-test';

describe('a killed process', () => {
  const ingestion = new FakeIngestion();
  const urls: string[] = [];
  let folder: string;
  let child: KilledProcess | undefined;
  let baseUrl = '';

  beforeAll(async () => {
    await ingestion.start();
    urls.push(await createTestDatabase('data-prep', migrations), await createTestDatabase('events', eventLogMigrations));
    folder = await mkdtemp(join(tmpdir(), 'data-prep-kill-'));
  }, 60_000);
  afterAll(async () => {
    await child?.kill();
    ingestion.stop();
    for (const url of urls) await dropTestDatabase(url);
    await rm(folder, { recursive: true, force: true });
  }, 30_000);

  async function start(): Promise<KilledProcess> {
    const started = spawnService('data-prep', {
      DATABASE_URL: urls[0],
      EVENT_LOG_URL: urls[1],
      STORAGE_URL: `file://${join(folder, 'blobs')}`,
      WORK_DIR: join(folder, 'work'),
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      INGESTION_GRPC: ingestion.address,
      JOB_LEASE_SECONDS: '2',
      SHUTDOWN_READINESS_SECONDS: '0',
    });
    child = started;
    await started.said(/"httpPort":\d+|http:\/\/127\.0\.0\.1:\d+/, 60_000);
    baseUrl =
      /http:\/\/127\.0\.0\.1:\d+/.exec(started.output)?.[0] ??
      `http://127.0.0.1:${/"httpPort":([1-9]\d+)/.exec(started.output)?.[1]}`;
    await eventually(async () => (await fetch(`${baseUrl}/health/ready`)).ok);
    return started;
  }

  const ask = async (path: string, body?: unknown): Promise<Json> => {
    const init = body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {};
    return (await (await fetch(`${baseUrl}${path}`, init)).json()) as Json;
  };

  it('loses no run and doubles no version, whether it dies while reading or after an upload', async () => {
    const first = await start();
    const version = ingestion.add('raw', ROWS);
    ingestion.hangExports = 1;
    const { id } = await ask('/api/v1/recipe-runs', { recipeText: RECIPE, inputVersion: version.id, outputDataset: 'out' });
    await eventually(() => ingestion.exportsStarted === 1);
    await first.kill();

    ingestion.hangUploads = 1;
    const second = await start();
    // The first output is committed in ingestion, and the process dies before it hears of it.
    await eventually(() => ingestion.uploads.length === 1);
    await second.kill();

    const third = await start();
    const run = await eventually(
      async () => {
        const current = await ask(`/api/v1/recipe-runs/${id}`);
        return current.state === 'succeeded' ? current : false;
      },
      { timeoutMs: 20_000 },
    );
    expect(run.attempts).toBe(3);
    expect(ingestion.uploads.map((upload) => upload.dataset)).toEqual(['out-test', 'out-train']);
    const ledger = await ask(`/api/v1/recipe-runs/${id}/ledger?pageSize=1000`);
    const kept = run.outputs.reduce((sum: number, output: Json) => sum + (output.rows as number), 0);
    const drops = ledger.items.filter((entry: Json) => entry.action === 'dropped').map((entry: Json) => entry.rowId);
    expect(new Set(drops).size).toBe(drops.length);
    expect(kept + drops.length).toBe(ROWS.length);
    expect(await third.stop()).toBe(0);
    expect((await readdir(join(folder, 'work', 'jobs'))).length).toBeLessThanOrEqual(2);
  }, 120_000);
});
