// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { newId } from '#libs/clock';
import { loadSettings } from '#libs/config';
import { startService, type RunningService } from '#libs/service-host';
import { createBlobStore, putModelFolder, type BlobStore } from '#libs/storage';
import { loadModelFolder, packageFile, saveModelFolder } from '#libs/tiny-lm';
import { AppModule } from '../src/app.module';
import { RuntimeSettings } from '../src/config';

/** Any JSON answer: specs look into it as they expect it to be. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Answer = { status: number; body: any };

/** A prompt that the base model continues with some domain. */
export const PROMPT = 'a small domesticated carnivore with soft fur\nDomain:';

/** A folder with a blob store that holds two models, and servers started on it. */
export class RuntimeHarness {
  private readonly servers: RunningService[] = [];

  private constructor(
    readonly folder: string,
    readonly store: BlobStore,
    /** Manifest digests: the committed base, and one with other weights. */
    readonly digests: { base: string; other: string },
  ) {}

  static async create(): Promise<RuntimeHarness> {
    const folder = await mkdtemp(join(tmpdir(), 'runtime-'));
    const store = createBlobStore(`file://${join(folder, 'blobs')}`);
    const base = loadModelFolder(packageFile('base'));
    saveModelFolder(join(folder, 'other'), { ...base, parameters: base.parameters.map((v) => v * 1.01) });
    const digests = {
      base: (await putModelFolder(store, packageFile('base'))).digest,
      other: (await putModelFolder(store, join(folder, 'other'))).digest,
    };
    return new RuntimeHarness(folder, store, digests);
  }

  /** A server of one thread with a work folder of its own, unless `env` says otherwise. */
  async start(env: Record<string, string> = {}): Promise<RunningService> {
    const settings = loadSettings(RuntimeSettings, {
      STORAGE_URL: `file://${join(this.folder, 'blobs')}`,
      WORK_DIR: join(this.folder, newId()),
      HTTP_PORT: '0',
      LOG_LEVEL: 'silent',
      GENERATION_THREADS: '1',
      SHUTDOWN_READINESS_SECONDS: '0',
      ...env,
    });
    const running = await startService({ service: 'runtime', settings, module: (loaded) => AppModule.forRoot(loaded) });
    this.servers.push(running);
    return running;
  }

  async close(): Promise<void> {
    for (const server of this.servers) expect(await server.close()).toBe(true);
    await this.store.close();
    await rm(this.folder, { recursive: true });
  }
}

export const clientOf = (server: RunningService): OpenAI =>
  new OpenAI({ baseURL: `${server.baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });

/** A plain HTTP call with a JSON body (a string goes as it is). */
export async function call(server: RunningService, method: string, path: string, body?: unknown): Promise<Answer> {
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(server.baseUrl + path, { method, headers, body: text });
  const answer = await response.text();
  return { status: response.status, body: answer === '' ? undefined : JSON.parse(answer) };
}

export const putModel = (server: RunningService, id: string, manifestDigest: string, aliases: string[] = []): Promise<Answer> =>
  call(server, 'PUT', `/api/v1/models/${encodeURIComponent(id)}`, { manifestDigest, aliases });
