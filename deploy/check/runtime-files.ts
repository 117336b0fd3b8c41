// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { startKafkaForTests, type TestKafka } from '#libs/testing';
import { databaseName, processNames, serviceNames, type ProcessName, type ServiceName } from '../local/processes';
import { checkCommands, type Environments } from './operator-commands';
import type { NeededMetric } from './scaling';
import { succeed, type Ran } from './tools';

const NOBODY = 65534;
// Beside other checks on two cores; nothing is promised of it.
const READY_MS_MAX = 240_000;
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

  /** Runs it to its end. */
  run(args: string[], env: Record<string, string>): Promise<Ran> {
    const child = this.start(args, env);
    const ran: Ran = { code: null, stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk: Buffer) => (ran.stdout += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (ran.stderr += chunk.toString()));
    return new Promise((resolve) => child.once('close', (code) => resolve({ ...ran, code })));
  }

  volume(name: 'work' | 'blobs'): string {
    return join(this.folder, name);
  }

  async megabytes(): Promise<number> {
    return Math.round(Number((await succeed('du', ['-sk', this.app])).split('\t')[0]) / 1024);
  }
}

/**
 * Boots every service from the image's files with the variables of its manifest, on a real Postgres and Kafka; only addresses, keys and
 * folders of what the cluster would have are exchanged. Services come first, then the Jobs: they wait, as in the cluster. Then runs
 * the commands of operators. Gives lines of what was seen.
 */
export async function bootFromFiles(files: RuntimeFiles, given: Environments, metrics: NeededMetric[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-image-postgres-'));
  chmodSync(directory, 0o755);
  const server = await startEmbeddedPostgres({ directory, fsync: false, startTimeoutMs: 60_000 });
  const booted: Booted[] = [];
  let kafka: TestKafka | undefined;
  try {
    kafka = await startKafkaForTests({ own: true });
    const environments = await exchanged(files, given, { server, brokers: kafka.brokers });
    for (const name of processNames) booted.push(new Booted(name, files, environments.processes[name]));
    await Promise.all(booted.map((each) => each.until('/health/live', 200)));
    await Promise.all(booted.filter(({ name }) => name !== 'runtime').map((each) => each.until('/health/ready', 503)));
    for (const job of ['migrate', 'topics'] as const) await finish(files, job, environments.jobs[job]);
    await Promise.all(booted.map((each) => each.until('/health/ready', 200)));
    await Promise.all(booted.map((each) => each.checkHealthCommand(files)));
    for (const needed of metrics) await booted.find(({ name }) => name === needed.service)!.checkMetric(needed);
    const said = await checkCommands((args, env) => files.run(args, env), environments);
    return [...said, ...(await Promise.all(booted.map((each) => each.stop())))];
  } finally {
    for (const { child } of booted) child.kill('SIGKILL');
    await kafka?.stop();
    await server.stop({ mode: 'immediate' });
    removeEmbeddedPostgres(directory);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The same variables with the addresses, keys and folders of this machine. */
async function exchanged(
  files: RuntimeFiles,
  { processes, jobs }: Environments,
  { server, brokers }: { server: EmbeddedPostgres; brokers: string[] },
): Promise<Environments> {
  const urlOf = (name: ServiceName): string => databaseUrl(server, databaseName(name));
  const here = async (name: ProcessName): Promise<[ProcessName, Record<string, string>]> => {
    const values = {
      ...(name === 'runtime' ? {} : { DATABASE_URL: urlOf(name) }),
      KAFKA_BROKERS: brokers.join(),
      WORK_DIR: join(files.volume('work'), name),
      STORAGE_URL: `file://${files.volume('blobs')}`,
      AUTH_SIGNING_KEY: 'k'.repeat(48),
      SHUTDOWN_READINESS_SECONDS: '0',
    };
    const ports: Record<string, string> = name === 'runtime' ? {} : { GRPC_PORT: '0' };
    return [name, { ...replaced(processes[name], values), ...ports, HTTP_PORT: String(await freePort()) }];
  };
  const named = serviceNames.map((name) => [`${name.replaceAll('-', '_').toUpperCase()}_DATABASE_URL`, urlOf(name)] as const);
  return {
    processes: Object.fromEntries(await Promise.all(processNames.map(here))) as Environments['processes'],
    jobs: {
      migrate: replaced(jobs.migrate, Object.fromEntries(named)),
      topics: replaced(jobs.topics, { KAFKA_BROKERS: brokers.join() }),
    },
  };
}

/** Other values, for those variables alone that a manifest gives. */
function replaced(env: Record<string, string>, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, values[name] ?? value]));
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
      const { code, stdout, stderr } = await files.run(['health'], { HTTP_PORT: this.env.HTTP_PORT });
      if (code === 0) return;
      said = stdout + stderr;
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
    const waited = this.name === 'runtime' ? '' : ' waited for schema and topics,';
    return `${this.name}: live,${waited} ready, health command, stopped with 0 in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
  }
}

async function finish(files: RuntimeFiles, job: string, env: Record<string, string>): Promise<void> {
  const { code, stdout, stderr } = await files.run([job], env);
  if (code !== 0) throw new Error(`${job} ended with ${String(code)}: ${stdout}${stderr}`);
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
