// SPDX-License-Identifier: Apache-2.0
// What the benches share: arguments, processes with their processor time and memory, an own Postgres, and one form of report.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { removeEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { eventLogMigrations } from '#libs/messaging';
import { runMigrations } from '#libs/persistence';
import { projectRoot } from '#libs/testing';
import { serviceMigrations } from '../../deploy/scripts/service-migrations';

export type Scale = 'small' | 'full';

/** One measured figure. `ratio` compares with the baseline of the same run; ratios travel between machines, absolutes do not. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What the value is measured against, in the same run. */
  baseline?: { what: string; value: number };
  ratio?: number;
  target?: Target & { of: 'value' | 'ratio' };
  /** A goal for the ratio, beside the one for the value. */
  ratioTarget?: Target;
  /** Processor seconds of the process under test. */
  cpuSeconds?: number;
  [detail: string]: unknown;
}

interface Target {
  at: 'least' | 'most';
  value: number;
}

export interface BenchArguments {
  scale: Scale;
  /** Fail when a target is missed, not only when a count is wrong. */
  assert: boolean;
}

/** `--scale small|full` and `--assert`. */
export function benchArguments(): BenchArguments {
  const { values } = parseArgs({
    options: { scale: { type: 'string', default: 'full' }, assert: { type: 'boolean', default: false } },
  });
  if (values.scale !== 'small' && values.scale !== 'full') throw new Error(`--scale is small or full, not ${values.scale}`);
  return { scale: values.scale, assert: values.assert };
}

/**
 * Prints the report as JSON. The exit code is 1 for a wrong count or a figure that is no number, and with `--assert` for a missed
 * target.
 */
export function report(bench: string, options: BenchArguments, figures: Figure[], faults: string[]): void {
  const judged = figures.map((figure) => ({ ...figure, ...verdicts(figure) }));
  const all = [...faults, ...figures.flatMap(notNumbers)];
  const machine = { node: process.versions.node, cores: cpus().length, load1: round(loadavg()[0]) };
  process.stdout.write(`${JSON.stringify({ bench, scale: options.scale, machine, figures: judged, faults: all }, null, 2)}\n`);
  const missed = judged.some(({ met, ratioMet }) => met === false || ratioMet === false);
  if (all.length > 0 || (options.assert && missed)) process.exitCode = 1;
}

function verdicts({ target, ratioTarget, value, ratio }: Figure): { met?: boolean; ratioMet?: boolean } {
  return {
    ...(target ? { met: isMet(target, target.of === 'ratio' ? ratio : value) } : {}),
    ...(ratioTarget ? { ratioMet: isMet(ratioTarget, ratio) } : {}),
  };
}

function isMet(target: Target, measured: number | undefined): boolean {
  if (measured === undefined) return false;
  return target.at === 'least' ? measured >= target.value : measured <= target.value;
}

/** JSON would print such a figure as null. */
function notNumbers({ name, value, ratio, baseline }: Figure): string[] {
  const parts = { value, ratio, baseline: baseline?.value };
  return Object.entries(parts).flatMap(([part, number]) =>
    number === undefined || Number.isFinite(number) ? [] : [`${name}: its ${part} is ${number}`],
  );
}

/** Three significant decimals are more than any of these figures has. */
export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}

/** The value that `share` of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** User and system time of a process in seconds, from /proc (Linux; ticks of 10 ms). */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The same of all children that a process has and had: the sessions of a Postgres server. */
export function childrenCpuSecondsOf(pid: number): number {
  let ticks = 0;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = statOf(entry);
    if (stat && Number(stat[1]) === pid) ticks += Number(stat[11]) + Number(stat[12]);
  }
  const own = statOf(String(pid));
  return (ticks + Number(own?.[13] ?? 0) + Number(own?.[14] ?? 0)) / 100;
}

/** Fields of /proc/<pid>/stat from the state on; undefined when the process has just ended. */
export function statOf(pid: string): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  } catch {
    return undefined;
  }
}

/** Resident memory of a process in MiB: now, and the most there was. */
export function memoryMibOf(pid: number): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024);
  return { now: read('VmRSS'), most: read('VmHWM') };
}

/** The most resident memory there was, in MB of 10^6 bytes. */
export function memoryMbMostOf(pid: number): number {
  const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kibibytes) * 1024) / 1e6;
}

/** A program of the built tree that runs as a process of its own. */
export interface BenchProcess {
  pid: number;
  /** What it printed once it was up: a service's addresses. */
  baseUrl: string;
  grpcAddress: string;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
  /** Ends it at once, if it still runs. */
  kill(): void;
}

/** Starts a program that prints `"baseUrl":"..."` and perhaps `"grpcAddress":"..."` once it is up. */
export function spawnProgram(file: string, args: string[], env: Record<string, string>): Promise<BenchProcess> {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [...profiling(), file, ...args], {
    env: { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = (): void => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  };
  // A bench that is ended by a time limit must not leave its processes behind.
  process.once('exit', kill);
  if (!process.listeners('SIGTERM').includes(endNow)) process.once('SIGTERM', endNow);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    child.kill('SIGTERM');
    await ended;
  };
  return new Promise((resolve, reject) => {
    let output = '';
    child.once('close', (code) => reject(new Error(`${file} ended with ${code}: ${output}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-100_000);
      const baseUrl = /"baseUrl":"([^"]+)"/.exec(output)?.[1];
      if (!baseUrl) return;
      resolve({ pid: child.pid as number, baseUrl, grpcAddress: /"grpcAddress":"([^"]+)"/.exec(output)?.[1] ?? '', stop, kill });
    });
  });
}

/** A folder, a Postgres in it, and the processes of one bench; all gone after `close`. */
export class BenchRig {
  private readonly children: BenchProcess[] = [];

  private constructor(
    readonly folder: string,
    readonly postgres: EmbeddedPostgres,
  ) {}

  static async open(): Promise<BenchRig> {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
    return new BenchRig(folder, await startEmbeddedPostgres({ directory: join(folder, 'postgres') }));
  }

  /** A migrated database of a service, and of the event log. */
  async databases(service: string): Promise<{ databaseUrl: string; eventLogUrl: string }> {
    const databaseUrl = this.postgres.url(`millrace_${service.replaceAll('-', '_')}`);
    const eventLogUrl = this.postgres.url('millrace_events');
    await runMigrations({ databaseUrl, service, migrations: serviceMigrations(service) });
    await runMigrations({ databaseUrl: eventLogUrl, service: 'events', migrations: eventLogMigrations });
    return { databaseUrl, eventLogUrl };
  }

  /** Starts a service of the built tree with free ports and waits until it is ready. */
  async service(service: string, env: Record<string, string> = {}): Promise<BenchProcess> {
    const { databaseUrl, eventLogUrl } = await this.databases(service);
    const file = join(projectRoot(), 'dist/services', service, 'src/main.js');
    const settings = {
      DATABASE_URL: databaseUrl,
      EVENT_LOG_URL: eventLogUrl,
      STORAGE_URL: `file://${join(this.folder, 'blobs')}`,
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      SHUTDOWN_READINESS_SECONDS: '0',
    };
    const started = await this.program(file, [], { ...settings, ...env });
    for (let tries = 0; !(await fetch(`${started.baseUrl}/health/ready`)).ok; tries += 1) {
      if (tries > 600) throw new Error(`${service} is not ready after 60 s`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return started;
  }

  /** Starts a program that prints `"baseUrl":"..."` when it is up. */
  async program(file: string, args: string[], env: Record<string, string>): Promise<BenchProcess> {
    const started = await spawnProgram(file, args, env);
    this.children.push(started);
    return started;
  }

  async close(): Promise<void> {
    for (const child of this.children) child.kill();
    await this.postgres.stop();
    removeEmbeddedPostgres(join(this.folder, 'postgres'));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function endNow(): void {
  process.exit(143);
}

/** `BENCH_CPU_PROFILE=<folder>` profiles the processes under test. */
function profiling(): string[] {
  const folder = process.env.BENCH_CPU_PROFILE;
  return folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
}
