// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { databaseName, processNames, serviceNames, type ProcessName } from '../local/processes';
import type { NeededMetric } from './scaling';
import { succeed } from './tools';

const NOBODY = 65534;
const READY_MS_MAX = 120_000;
const AS_ROOT = process.getuid?.() === 0;

/** The files of the image's last stage in a folder, made by the commands of deploy/Dockerfile without Docker. */
export class RuntimeFiles {
  private constructor(
    private readonly folder: string,
    /** What Dockerfile copies into the last stage, relative to /app. */
    readonly copied: string[],
  ) {}

  static async make(root: string): Promise<RuntimeFiles> {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-image-'));
    const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
    const files = new RuntimeFiles(
      folder,
      [...dockerfile.matchAll(/^COPY --from=build \/app\/(\S+) \.\/\1$/gm)].map(([, path]) => path),
    );
    const install = /^RUN (npm ci --omit=dev .*)$/m.exec(dockerfile)?.[1];
    if (!install) throw new Error('deploy/Dockerfile no longer installs with npm ci --omit=dev: correct this check');
    for (const file of ['package.json', 'package-lock.json', '.npmrc'])
      cpSync(join(root, file), join(files.app, file), { recursive: true });
    await succeed('sh', ['-c', install], { cwd: files.app });
    for (const path of files.copied) {
      mkdirSync(dirname(join(files.app, path)), { recursive: true });
      cpSync(join(root, path), join(files.app, path), { recursive: true });
    }
    for (const volume of ['tmp', 'work', 'blobs']) {
      mkdirSync(join(folder, volume));
      if (AS_ROOT) chownSync(join(folder, volume), NOBODY, NOBODY);
    }
    chmodSync(folder, 0o755);
    return files;
  }

  /** The image's /app. */
  get app(): string {
    const app = join(this.folder, 'app');
    mkdirSync(app, { recursive: true });
    return app;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Starts `node deploy/entrypoint.mjs ...` as the container would: another user who may write to the volumes only. */
  start(args: string[], env: Record<string, string>): ChildProcess {
    return spawn(process.execPath, ['deploy/entrypoint.mjs', ...args], {
      cwd: this.app,
      env: { PATH: process.env.PATH, NODE_ENV: 'production', HOME: '/nonexistent', TMPDIR: join(this.folder, 'tmp'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(AS_ROOT ? { uid: NOBODY, gid: NOBODY } : {}),
    });
  }

  volume(name: 'work' | 'blobs'): string {
    return join(this.folder, name);
  }

  async megabytes(): Promise<number> {
    return Math.round(Number((await succeed('du', ['-sk', this.app])).split('\t')[0]) / 1024);
  }
}

/**
 * Boots every service from the image's files with the variables of its manifest; only addresses of what the cluster would have
 * are exchanged. Services come first, then the migration: they wait, as in the cluster. Gives lines of what was seen.
 */
export async function bootFromFiles(
  files: RuntimeFiles,
  environments: Record<ProcessName, Record<string, string>>,
  metrics: NeededMetric[],
): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-image-postgres-'));
  chmodSync(directory, 0o755);
  const server = await startEmbeddedPostgres({ directory, fsync: false, startTimeoutMs: 60_000 });
  const booted: Booted[] = [];
  try {
    const urls = Object.fromEntries(serviceNames.map((name) => [name, databaseUrl(server, databaseName(name))]));
    const events = databaseUrl(server, 'millrace_events');
    const signingKey = 'k'.repeat(48);
    for (const name of processNames) {
      const own: Record<string, string> =
        name === 'runtime' ? {} : { DATABASE_URL: urls[name], BROKER: 'event-log', EVENT_LOG_URL: events };
      const place = {
        STORAGE_URL: `file://${files.volume('blobs')}`,
        AUTH_SIGNING_KEY: signingKey,
        SHUTDOWN_READINESS_SECONDS: '0',
      };
      const work: Record<string, string> = 'WORK_DIR' in environments[name] ? { WORK_DIR: join(files.volume('work'), name) } : {};
      const ports: Record<string, string> = {
        HTTP_PORT: String(await freePort()),
        ...(name === 'runtime' ? {} : { GRPC_PORT: '0' }),
      };
      booted.push(new Booted(name, files, { ...environments[name], ...own, ...place, ...work, ...ports }));
    }
    await Promise.all(booted.map((each) => each.until('/health/live', 200)));
    await Promise.all(booted.filter(({ name }) => name !== 'runtime').map((each) => each.until('/health/ready', 503)));
    await migrate(files, urls, events);
    await Promise.all(booted.map((each) => each.until('/health/ready', 200)));
    await Promise.all(booted.map((each) => each.checkHealthCommand(files)));
    for (const needed of metrics) await booted.find(({ name }) => name === needed.service)!.checkMetric(needed);
    return await Promise.all(booted.map((each) => each.stop()));
  } finally {
    for (const { child } of booted) child.kill('SIGKILL');
    await server.stop({ mode: 'immediate' });
    removeEmbeddedPostgres(directory);
    rmSync(directory, { recursive: true, force: true });
  }
}

class Booted {
  readonly child: ChildProcess;
  private output = '';
  private readonly ended: Promise<number | null>;

  constructor(
    readonly name: ProcessName,
    files: RuntimeFiles,
    private readonly env: Record<string, string>,
  ) {
    this.child = files.start([name], env);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output = (this.output + chunk.toString()).slice(-20_000)));
    }
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${this.env.HTTP_PORT}`;
  }

  /** Waits until a health door answers so. */
  async until(path: string, status: number): Promise<void> {
    let last = 'nothing';
    for (const end = Date.now() + READY_MS_MAX; Date.now() < end; await delay(200)) {
      if (this.child.exitCode !== null)
        throw new Error(`${this.name} ended with ${this.child.exitCode}:\n${this.output.slice(-4000)}`);
      try {
        const response = await fetch(this.url + path);
        last = `${response.status} ${await response.text()}`;
        if (response.status === status) return;
      } catch (error) {
        last = (error as Error).message; // does not listen yet
      }
    }
    throw new Error(`${this.name}: ${path} is not ${status} but ${last}\n${this.output.slice(-4000)}`);
  }

  /** As HEALTHCHECK: a machine under load may need more than one try. */
  async checkHealthCommand(files: RuntimeFiles): Promise<void> {
    let said = '';
    for (const end = Date.now() + READY_MS_MAX; Date.now() < end; await delay(200)) {
      const health = files.start(['health'], { HTTP_PORT: this.env.HTTP_PORT });
      for (const stream of [health.stdout, health.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
      if ((await new Promise((resolve) => health.once('close', resolve))) === 0) return;
    }
    throw new Error(`${this.name}: the health command did not end with 0: ${said.slice(-2000)}`);
  }

  async checkMetric({ metric, consumer }: NeededMetric): Promise<void> {
    const page = await (await fetch(`${this.url}/metrics`)).text();
    if (!page.includes(`# TYPE ${metric} gauge`)) throw new Error(`${this.name} shows no ${metric}, which its autoscaler needs`);
    if (!page.includes(`consumer="${consumer}"`))
      throw new Error(`${this.name} has no consumer ${consumer}, which its autoscaler names`);
  }

  async stop(): Promise<string> {
    const startedAt = Date.now();
    this.child.kill('SIGTERM');
    const code = await this.ended;
    if (code !== 0) throw new Error(`${this.name} ended with ${code} on SIGTERM:\n${this.output.slice(-4000)}`);
    return `${this.name}: live, waited for its schema, ready, health command, stopped with 0 in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  }
}

async function migrate(files: RuntimeFiles, urls: Record<string, string>, events: string): Promise<void> {
  const named = Object.entries(urls).map(([name, url]) => [`${name.replaceAll('-', '_').toUpperCase()}_DATABASE_URL`, url]);
  const child = files.start(['migrate'], { ...(Object.fromEntries(named) as Record<string, string>), EVENT_LOG_URL: events });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`migrate ended with ${String(code)}: ${output}`);
}

function databaseUrl(server: EmbeddedPostgres, name: string): string {
  const url = new URL(server.url());
  url.pathname = `/${name}`;
  return url.toString();
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
