// SPDX-License-Identifier: Apache-2.0
import { firstFailure, type Failure, type WorldName } from './run-schedules';
import { loadSchemas } from './schemas';

/** What a child is to run. */
export interface Slice {
  world: WorldName;
  seed: number;
  schedules: number;
}

/** What it tells: how far it is, and in the end its peak of memory and the failure if there was one. */
export type Told = { kind: 'progress'; done: number } | { kind: 'end'; peakRssKb: number; failure?: Failure };

const TELL_EVERY = 100;

async function runSlice({ world, seed, schedules }: Slice): Promise<void> {
  const tell = (told: Told): void => void process.send?.(told);
  const onSchedule = (done: number): void => {
    if (done % TELL_EVERY === 0 || done === schedules) tell({ kind: 'progress', done });
  };
  const failure = await firstFailure({ seed, schedules }, await loadSchemas(), { world, onSchedule });
  tell({ kind: 'end', peakRssKb: process.resourceUsage().maxRSS, failure });
  process.disconnect();
}

process.once('message', (slice: Slice) => void runSlice(slice));
