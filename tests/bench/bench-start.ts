// SPDX-License-Identifier: Apache-2.0
// `npm start` of everything: cold (no data yet) and warm, until ready; then what it costs to do nothing, process by process.
// Run: npm run bench:start [-- --scale small] [--assert]
import { setTimeout as delay } from 'node:timers/promises';
import { LaunchedPlatform, temporaryHome } from '../support/launched-platform';
import { processesBelow } from '../support/process-tree';
import { benchArguments, cpuSecondsOf, memoryMibOf, report, round, type Figure } from './bench-kit';

const READY_SECONDS_MAX = 15;
const IDLE_PERCENT_MAX = 5;
const IDLE_SECONDS = { small: 2, full: 60 };
const SETTLE_SECONDS = { small: 0, full: 15 };

function nameOf(command: string): string {
  const service = /(?:services)\/([a-z-]+)\/src\/main\.js/.exec(command)?.[1];
  if (service) return service;
  if (command.includes('deploy/local/')) return 'launcher';
  return /postgres/.test(command) ? 'postgres' : (command.split(' ')[0].split('/').at(-1) ?? command);
}

async function startOnce(home: string): Promise<{ platform: LaunchedPlatform; seconds: number }> {
  const startMs = performance.now();
  const platform = await LaunchedPlatform.start([], {}, home);
  return { platform, seconds: (performance.now() - startMs) / 1000 };
}

/** Processor time and memory of every process of the platform while nobody asks it for anything. */
async function idle(platform: LaunchedPlatform, seconds: number): Promise<Figure> {
  const root = { pid: platform.program.pid, parentPid: 0, command: 'deploy/local/main.js' };
  const cpuOf = (pid: number): number | undefined => {
    try {
      return cpuSecondsOf(pid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
        return undefined;
      throw error;
    }
  };
  const processes = [root, ...processesBelow(root.pid)];
  const before = new Map(processes.map(({ pid }) => [pid, cpuOf(pid)]));
  await delay(seconds * 1000);
  const byName: Record<string, { percentOfCore: number; rssMib: number; processes: number }> = {};
  let total = 0;
  for (const { pid, command } of processes) {
    const [start, end] = [before.get(pid), cpuOf(pid)];
    if (start === undefined || end === undefined) continue;
    const percent = ((end - start) / seconds) * 100;
    total += percent;
    const entry = (byName[nameOf(command)] ??= { percentOfCore: 0, rssMib: 0, processes: 0 });
    entry.percentOfCore = round(entry.percentOfCore + percent, 2);
    entry.rssMib += memoryMibOf(pid).now;
    entry.processes += 1;
  }
  return {
    name: 'idle processor time of everything',
    value: round(total, 2),
    unit: '% of a core',
    target: { at: 'most', value: IDLE_PERCENT_MAX, of: 'value' },
    seconds,
    byProcess: byName,
  };
}

async function main(): Promise<void> {
  const options = benchArguments();
  const home = temporaryHome();
  const cold = await startOnce(home);
  await cold.platform.stop({ keepData: true });
  const warm = await startOnce(home);
  try {
    await delay(SETTLE_SECONDS[options.scale] * 1000);
    const ready = (name: string, seconds: number): Figure => ({
      name,
      value: round(seconds, 2),
      unit: 's',
      target: { at: 'most', value: READY_SECONDS_MAX, of: 'value' },
    });
    const cost = await idle(warm.platform, IDLE_SECONDS[options.scale]);
    const found = Object.keys(cost.byProcess as object);
    const missing = ['gateway', 'ingestion', 'data-prep', 'training', 'registry', 'monitoring', 'runtime'].filter(
      (name) => !found.includes(name),
    );
    const faults = missing.map((name) => `${name} does not run`);
    report(
      'start',
      options,
      [ready('cold start until ready', cold.seconds), ready('warm start until ready', warm.seconds), cost],
      faults,
    );
  } finally {
    await warm.platform.stop();
  }
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
