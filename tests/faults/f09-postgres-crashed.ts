// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext } from './support/fault';

const ROUNDS_SHORT = 2;
const AWAY_SECONDS = { short: 2, long: 20 };

/** A profile is made of each: on a small machine they must not be what is waited for. */
const UPLOADS_PER_SECOND = 0.5;

/** F9: Postgres crashes (immediate stop) in the middle of the load and starts again; the services recover by themselves. */
export const fault: Fault = {
  id: 'F9',
  title: 'Postgres crashed and started again in the middle of the load',
  async run(context) {
    context.traffic.setRate('uploads', UPLOADS_PER_SECOND);
    const pids = context.lab.allReplicas().map(({ pid }) => pid);
    for (let round = 0; round < Math.max(ROUNDS_SHORT, context.rounds); round += 1) await crash(context, round);
    const restarted = context.lab.allReplicas().filter(({ pid }, index) => pid !== pids[index]);
    if (restarted.length > 0) throw new Error(`${restarted[0].service} did not outlive a crash of Postgres`);
  },
};

async function crash({ lab, traffic, random, long, fault: count, note }: FaultContext, round: number): Promise<void> {
  await delay(random() * 1_000); // somewhere in the middle of whatever is going on
  await lab.postgres.stop('immediate');
  count('postgres crashed', { round });
  await delay((long ? AWAY_SECONDS.long : AWAY_SECONDS.short) * 1000);
  await lab.postgres.start();
  const startedMs = performance.now();
  await traffic.flows();
  note('flows again', { round, seconds: (performance.now() - startedMs) / 1000 });
  const dead = lab.allReplicas().filter(({ isRunning }) => !isRunning);
  if (dead.length > 0) throw new Error(`${dead.map(({ service }) => service).join(', ')} ended`);
}
