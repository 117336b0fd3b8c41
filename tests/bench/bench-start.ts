// SPDX-License-Identifier: Apache-2.0
// `npm start` of everything, cold (no data yet) and warm, until ready; then what it costs to do nothing, process by process. Beside it,
// in the same run: an empty embedded Postgres and as many bare Nest applications. Run: npm run bench:start [-- --scale small] [--assert]
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { LaunchedPlatform, removeHome, temporaryHome } from '../support/launched-platform';
import { benchArguments, report, round, spawnProgram, type BenchProcess, type Figure } from './bench-kit';
import { processTrees, proportionalMib, residentMib, treeSeconds, type ProcessState } from './process-costs';

const SERVICES = ['gateway', 'ingestion', 'data-prep', 'training', 'registry', 'monitoring', 'runtime'];
const READY_SECONDS_MAX = 15;
const IDLE_PERCENT_MAX = 5;
const IDLE_SECONDS = { small: 2, full: 60 };
const SETTLE_SECONDS = { small: 0, full: 15 };

/** What the platform is compared with. */
class BareSet {
  private constructor(
    private readonly postgres: EmbeddedPostgres,
    readonly apps: BenchProcess[],
  ) {}

  /** First Postgres, then all applications at once, as the launcher does it. */
  static async start(home: string): Promise<BareSet> {
    const postgres = await startEmbeddedPostgres({ directory: join(home, 'postgres') });
    const file = join(__dirname, 'bare-app.js');
    const apps = await Promise.all(SERVICES.map(() => spawnProgram(file, [], {})));
    await Promise.all(apps.map(({ baseUrl }) => fetch(`${baseUrl}/health/ready`)));
    return new BareSet(postgres, apps);
  }

  get postgresPid(): number {
    return this.postgres.pid;
  }

  get roots(): number[] {
    return [this.postgresPid, ...this.apps.map(({ pid }) => pid)];
  }

  async stop(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.stop()));
    await this.postgres.stop();
  }
}

interface Timed<T> {
  started: T;
  seconds: number;
}

async function timed<T>(start: () => Promise<T>): Promise<Timed<T>> {
  const startMs = performance.now();
  return { started: await start(), seconds: (performance.now() - startMs) / 1000 };
}

function nameOf(command: string): string {
  const service = /(?:services)\/([a-z-]+)\/src\/main\.js/.exec(command)?.[1];
  if (service) return service;
  if (command.includes('deploy/local/')) return 'launcher';
  return /^postgres: |^\S+\/postgres /.test(command) ? 'postgres' : (command.split(' ')[0].split('/').at(-1) ?? command);
}

interface ProcessCost {
  name: string;
  processes: number;
  percentOfCore: number;
  /** Of one process; that of several would count their shared pages more than once. */
  rssMib?: number;
  pssMib: number;
}

/** One entry per process; those of Postgres are one entry together. */
function costs(before: ProcessState[], after: ProcessState[], seconds: number): ProcessCost[] {
  const earlier = new Map(before.map(({ pid, ownSeconds }) => [pid, ownSeconds]));
  const single = after.map(({ pid, command, ownSeconds }) => ({
    name: nameOf(command),
    processes: 1,
    percentOfCore: ((ownSeconds - (earlier.get(pid) ?? 0)) * 100) / seconds,
    rssMib: residentMib(pid),
    pssMib: proportionalMib(pid),
  }));
  const sum = (pick: (cost: ProcessCost) => number): number =>
    single.filter(({ name }) => name === 'postgres').reduce((total, cost) => total + pick(cost), 0);
  const postgres = {
    name: 'postgres',
    processes: sum(({ processes }) => processes),
    percentOfCore: sum(({ percentOfCore }) => percentOfCore),
    pssMib: sum(({ pssMib }) => pssMib),
  };
  return [...single.filter(({ name }) => name !== 'postgres'), postgres];
}

const shown = ({ percentOfCore, rssMib, pssMib, ...cost }: ProcessCost): Record<string, unknown> => ({
  ...cost,
  percentOfCore: round(percentOfCore, 2),
  ...(rssMib === undefined ? {} : { rssMib: Math.round(rssMib) }),
  pssMib: Math.round(pssMib),
});

function memoryFigure(name: string, what: string, value: number, baseline: number): Figure {
  return {
    name,
    value: Math.round(value),
    unit: 'MiB',
    baseline: { what, value: Math.round(baseline) },
    ratio: round(value / baseline, 2),
  };
}

/** Processor time and memory of both while nobody asks them for anything, over the same seconds. */
async function idle(
  platform: LaunchedPlatform,
  bare: BareSet,
  seconds: number,
): Promise<{ figures: Figure[]; faults: string[] }> {
  const look = (): [ProcessState[], ProcessState[]] => [processTrees([platform.program.pid]), processTrees(bare.roots)];
  const startMs = performance.now();
  const [before, bareBefore] = look();
  await delay(seconds * 1000);
  const [after, bareAfter] = look();
  const measuredSeconds = (performance.now() - startMs) / 1000;
  const percent = (from: ProcessState[], to: ProcessState[]): number =>
    ((treeSeconds(to) - treeSeconds(from)) * 100) / measuredSeconds;
  const all = costs(before, after, measuredSeconds);
  const bareAll = costs(bareBefore, bareAfter, measuredSeconds);
  const pss = (list: ProcessCost[]): number => list.reduce((total, { pssMib }) => total + pssMib, 0);
  const pssOfPostgres = (list: ProcessCost[]): number => pss(list.filter(({ name }) => name === 'postgres'));
  const bareRss = residentMib(bare.apps[0].pid);
  const total = percent(before, after);
  const figures: Figure[] = [
    {
      name: 'idle processor time of everything',
      value: round(total, 2),
      unit: '% of a core',
      // No ratio: the baseline is next to nothing.
      baseline: { what: 'empty Postgres and bare Nest applications', value: round(percent(bareBefore, bareAfter), 2) },
      target: { at: 'most', value: IDLE_PERCENT_MAX, of: 'value' },
      seconds: round(measuredSeconds, 1),
      how: 'user and system time of the tree of processes, with that of ended children, at the end less at the start',
      percentOfEndedProcesses: round(total - all.reduce((sum, { percentOfCore }) => sum + percentOfCore, 0), 2),
      processes: all.map(shown),
    },
    memoryFigure('memory of everything (PSS)', 'empty Postgres and bare Nest applications', pss(all), pss(bareAll)),
    memoryFigure('memory of Postgres with its backends (PSS)', 'empty Postgres', pssOfPostgres(all), pssOfPostgres(bareAll)),
    ...all.flatMap(({ name, rssMib }) =>
      SERVICES.includes(name) ? [memoryFigure(`resident memory of ${name}`, 'bare Nest application', rssMib ?? 0, bareRss)] : [],
    ),
  ];
  const faults = SERVICES.filter((name) => all.filter((cost) => cost.name === name).length !== 1).map(
    (name) => `not exactly one process of ${name} runs`,
  );
  return { figures, faults };
}

function readyFigure(name: string, seconds: number, bareSeconds: number): Figure {
  return {
    name,
    value: round(seconds, 2),
    unit: 's',
    baseline: { what: 'empty Postgres, then bare Nest applications', value: round(bareSeconds, 2) },
    ratio: round(seconds / bareSeconds, 2),
    target: { at: 'most', value: READY_SECONDS_MAX, of: 'value' },
  };
}

async function main(): Promise<void> {
  const options = benchArguments();
  const [home, bareHome] = [temporaryHome(), temporaryHome()];
  const startBare = (): Promise<BareSet> => BareSet.start(bareHome);
  const start = (): Promise<LaunchedPlatform> => LaunchedPlatform.start([], {}, home);
  let [bare, platform]: [BareSet | undefined, LaunchedPlatform | undefined] = [undefined, undefined];
  try {
    // Each start is measured alone.
    const bareCold = await timed(startBare);
    await bareCold.started.stop();
    const bareWarm = await timed(startBare);
    await bareWarm.started.stop();
    const cold = await timed(start);
    await cold.started.stop({ keepData: true });
    const warm = await timed(start);
    platform = warm.started;
    bare = await startBare();
    await delay(SETTLE_SECONDS[options.scale] * 1000);
    const { figures, faults } = await idle(platform, bare, IDLE_SECONDS[options.scale]);
    const ready = [
      readyFigure('cold start until ready', cold.seconds, bareCold.seconds),
      readyFigure('warm start until ready', warm.seconds, bareWarm.seconds),
    ];
    report('start', options, [...ready, ...figures], faults);
  } finally {
    await bare?.stop();
    await platform?.stop();
    removeHome(bareHome);
    removeHome(home);
  }
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
