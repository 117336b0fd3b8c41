// SPDX-License-Identifier: Apache-2.0
// node --require .../hold-steps.ts <trainer> <hold file> ...: the trainer waits between two steps where TrainerHold says so.
import { readFileSync } from 'node:fs';
import timers from 'node:timers/promises';

const POLL_MILLISECONDS = 10;
const [holdFile] = process.argv.splice(2, 1);
const { setImmediate: turn, setTimeout: delay } = timers;
let stepsDone = 0;
let stopped = false;

process.on('SIGTERM', () => {
  stopped = true;
});

/** Steps of this process after which it waits; none when nobody holds it. */
function heldAt(): number {
  try {
    return Number(readFileSync(holdFile, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Infinity;
    throw error;
  }
}

// The trainer takes a turn of the event loop before each step.
Object.assign(timers, {
  async setImmediate(): Promise<void> {
    await turn();
    while (!stopped && stepsDone >= heldAt()) await delay(POLL_MILLISECONDS);
    stepsDone += 1;
  },
});
