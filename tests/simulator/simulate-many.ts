// SPDX-License-Identifier: Apache-2.0
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Failure } from './run-schedules';
import type { Slice, Told } from './simulate-child';

/** A child ends after so many schedules, and with it whatever it has gathered. */
const SLICE_MAX = 20_000;
/** A child that needs more ends with an error instead of eating the machine. The young generation is large: a schedule is garbage soon. */
const CHILD_OPTIONS = ['--max-old-space-size=512', '--max-semi-space-size=32'];
const SAY_EVERY_MS = 5_000;

export interface Many extends Slice {
  processes: number;
}

export interface Outcome {
  failure?: Failure;
  done: number;
  seconds: number;
  peakRssMb: number;
}

/** Runs seeds in several processes until all are done or one fails. */
export async function simulateMany(many: Many, say: (text: string) => void): Promise<Outcome> {
  const startMs = performance.now();
  const stop = new AbortController();
  const slices = slicesOf(many);
  const done = new Map<Slice, number>();
  const outcome: Outcome = { done: 0, seconds: 0, peakRssMb: process.resourceUsage().maxRSS / 1_024 };
  const count = (): Outcome => {
    outcome.done = [...done.values()].reduce((sum, each) => sum + each, 0);
    outcome.seconds = (performance.now() - startMs) / 1_000;
    return outcome;
  };
  const progress = setInterval(() => say(`${rate(count())} of ${many.schedules}`), SAY_EVERY_MS);
  const work = async (): Promise<void> => {
    for (let slice = slices.shift(); slice && !stop.signal.aborted; slice = slices.shift()) {
      const mine = slice;
      const end = await runChild(mine, stop.signal, (so) => done.set(mine, so));
      if (!end) return;
      outcome.peakRssMb = Math.max(outcome.peakRssMb, end.peakRssKb / 1_024);
      if (!end.failure) continue;
      outcome.failure ??= end.failure;
      stop.abort();
    }
  };
  try {
    await Promise.all(Array.from({ length: many.processes }, work));
  } finally {
    clearInterval(progress);
    stop.abort(); // when one child failed to run, the others end too
  }
  return count();
}

export const rate = ({ done, seconds }: Outcome): string =>
  `${done} schedules, ${Math.round(seconds)} s, ${Math.round(done / seconds)} schedules/s`;

export function slicesOf({ world, seed, schedules, processes }: Many): Slice[] {
  const size = Math.min(SLICE_MAX, Math.ceil(schedules / processes));
  return Array.from({ length: Math.ceil(schedules / size) }, (_, i) => ({
    world,
    seed: seed + i * size,
    schedules: Math.min(size, schedules - i * size),
  }));
}

/** What the child told in the end; undefined when it was stopped. */
function runChild(slice: Slice, signal: AbortSignal, onDone: (done: number) => void) {
  return new Promise<Extract<Told, { kind: 'end' }> | undefined>((resolve, reject) => {
    const child = fork(join(__dirname, 'simulate-child.js'), { execArgv: CHILD_OPTIONS });
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    let end: Extract<Told, { kind: 'end' }> | undefined;
    child.on('message', (told: Told) => {
      if (told.kind === 'progress') onDone(told.done);
      else end = told;
    });
    child.on('error', reject);
    child.on('exit', (code, killedBy) => {
      signal.removeEventListener('abort', stop);
      if (end || signal.aborted) return resolve(end);
      const seeds = `${slice.seed} to ${slice.seed + slice.schedules - 1}`;
      reject(new Error(`the process of seeds ${seeds} ended with ${code ?? killedBy ?? 'nothing'} before it was done`));
    });
    child.send(slice);
  });
}
