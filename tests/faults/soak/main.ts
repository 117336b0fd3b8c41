// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { seededRandom } from '#libs/clock';
import { check, isClean } from '../support/checker';
import { FaultLab, outboxesEmpty } from '../support/fault-lab';
import { gatherFacts } from '../support/gather-facts';
import { History } from '../support/history';
import { hooked } from '../support/hooked';
import { Traffic } from '../support/traffic';
import { waitFor } from '../support/wait';
import { randomFaults } from './random-faults';
import { bounds, samplePlatform, Series } from './sample-platform';
import { exceeds, saysNothing, slopeOf } from './slope';

const FAULT_EVERY_SECONDS = 20;
// A full collection of each process goes before each sample of its heap.
const SAMPLE_EVERY_MS = 15_000;
/** A process that has just started still compiles and fills its caches: its first samples say nothing about leaks. */
const WARM_UP_SHARE = 0.25;
/** About 70 % of what the platform takes on two cores beside Kafka and Postgres. */
const RATES = { feedback: 20, uploads: 4, inferences: 20, aliases: 4, jobs: 0.05 } as const;

/**
 * A review of raters looks at the newest 20,000 pieces of feedback of a workspace (OPINIONS_MAX): until there are so many its memory
 * grows as it should, at the soak's own rate for 17 minutes. They come first, without faults.
 */
const FILL = { pieces: 20_000, perSecond: 250, minutesMax: 10 } as const;

const print = (line: string): boolean => process.stdout.write(`${line}\n`);

/** A run of this length must be able to say of every measure whether it grows; what a shorter one cannot say is only printed. */
const CONCLUSIVE_MINUTES = 30;

/** F23: `npm run soak -- [--minutes 30] [--seed N]`. Fails when something grows beyond its bound, or the checker finds anything. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '23' } },
  });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error('--minutes must be above 0 and --seed a whole number');
  const lab = await FaultLab.start({ env: { all: hooked('collect-on-scrape') } });
  const close = (): void => void lab.close().then(() => process.exit(130));
  process.once('SIGINT', close);
  process.once('SIGTERM', close);
  try {
    return await soak(lab, { minutes, seed });
  } finally {
    await lab.close();
  }
}

async function soak(lab: FaultLab, { minutes, seed }: { minutes: number; seed: number }): Promise<number> {
  const random = seededRandom(seed);
  const workspace = `f23-${Date.now().toString(36)}`;
  const history = new History(join(mkdtempSync(join(tmpdir(), 'millrace-soak-history-')), 'F23.jsonl'));
  const traffic = new Traffic({ lab, workspace, history, random });
  await traffic.start();
  await fill(traffic);
  for (const kind of traffic.kinds) traffic.setRate(kind, RATES[kind]);
  const series = new Series();
  const startedMs = performance.now();
  const endMs = startedMs + minutes * 60_000;
  const hours = (): number => (performance.now() - startedMs) / 3_600_000;
  let faults = 0;
  await Promise.all([
    every(SAMPLE_EVERY_MS, endMs, async () => {
      nobodyEnded(lab, dirname(history.file));
      await samplePlatform(lab, series, hours());
    }),
    every(FAULT_EVERY_SECONDS * 1000, endMs, async () => {
      const what = await randomFaults[Math.floor(random() * randomFaults.length)](lab, random);
      faults += 1;
      history.write({ kind: 'fault', what });
    }),
  ]);
  await lab.heal();
  await traffic.flows();
  await traffic.stop();
  await outboxesEmpty(lab, 60_000);
  const clean = await settled(lab, workspace, traffic);
  const { acknowledged, lost, doubled, outOfOrder, other } = clean;
  const figures = {
    seed,
    minutes,
    faults,
    acknowledged,
    lost: lost.length,
    doubled: doubled.length,
    outOfOrder: outOfOrder.length,
  };
  const { grown, unclear } = report(series, minutes / 60);
  for (const finding of [...lost, ...doubled, ...outOfOrder, ...other].slice(0, 20)) print(`     ${finding}`);
  const conclusive = minutes < CONCLUSIVE_MINUTES || unclear.length === 0;
  const ok = isClean(clean) && grown.length === 0 && conclusive;
  const unavailable = traffic.longestUnavailabilitySeconds.toFixed(1);
  const text = Object.entries(figures).map(([name, value]) => `${name}=${value}`);
  print(`F23 ${text.join(' ')} longestUnavailabilitySeconds=${unavailable} ${ok ? 'ok' : 'FAILED'}`);
  if (!ok) print(`history: ${history.file}`);
  return ok ? 0 : 1;
}

async function fill(traffic: Traffic): Promise<void> {
  traffic.setRate('inferences', RATES.inferences);
  traffic.setRate('feedback', FILL.perSecond);
  const filled = async (): Promise<boolean> => traffic.acknowledged('feedback').length >= FILL.pieces;
  await waitFor('enough feedback', filled, { timeoutMs: FILL.minutesMax * 60_000, intervalMs: 1_000 });
}

/** No fault of the soak ends the first replica of a service: one that ended did so by itself, and nothing after it is worth measuring. */
function nobodyEnded(lab: FaultLab, logs: string): void {
  const ended = lab.services.filter((service) => !lab.replicas(service)[0].isRunning);
  if (ended.length === 0) return;
  lab.copyLogs(join(logs, 'logs'));
  throw new Error(`ended by themselves: ${ended.join(', ')}; logs: ${join(logs, 'logs')}`);
}

/** Repeats work at an interval until the end; one that takes longer is not overlapped. */
async function every(intervalMs: number, endMs: number, work: () => Promise<void>): Promise<void> {
  for (let nextMs = performance.now() + intervalMs; nextMs < endMs; nextMs = Math.max(nextMs + intervalMs, performance.now())) {
    await delay(Math.max(0, nextMs - performance.now()));
    await work();
  }
}

async function settled(lab: FaultLab, workspace: string, traffic: Traffic) {
  const quick = () => gatherFacts(lab, workspace, traffic.operations, { topics: false });
  await waitFor('a quiet platform', async () => isClean(check(await quick())), { timeoutMs: 120_000, intervalMs: 1_000 }).catch(
    () => false,
  );
  return check(await gatherFacts(lab, workspace, traffic.operations));
}

/** Prints the slopes; gives back what grew beyond its bound, and what the samples say nothing of. */
function report(series: Series, hoursTotal: number): { grown: string[]; unclear: string[] } {
  const [grown, unclear]: string[][] = [[], []];
  print(
    `${'service'.padEnd(12)} ${'measure'.padEnd(14)} ${'last'.padStart(9)} ${'per hour'.padStart(10)} ${'+-'.padStart(9)} ${'bound'.padStart(6)}`,
  );
  for (const [name, samples] of [...series.samples].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [service, measure] = name.split(' ');
    const slope = slopeOf(samples.filter(({ at }) => at >= WARM_UP_SHARE * hoursTotal));
    const bound = bounds[measure];
    const over = bound !== undefined && exceeds(slope, bound);
    const hidden = bound !== undefined && saysNothing(slope, bound);
    if (over) grown.push(name);
    else if (hidden) unclear.push(name);
    const verdict = over ? ' GROWS' : hidden ? ' INCONCLUSIVE' : '';
    const cells = [slope.last.toFixed(1).padStart(9), slope.perHour.toFixed(1).padStart(10), slope.margin.toFixed(1).padStart(9)];
    print(`${service.padEnd(12)} ${measure.padEnd(14)} ${cells.join(' ')} ${String(bound ?? '-').padStart(6)}${verdict}`);
  }
  return { grown, unclear };
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).stack}\n`);
    process.exit(1);
  },
);
