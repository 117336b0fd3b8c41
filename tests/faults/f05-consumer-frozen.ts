// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { REACHED } from './failpoints';
import type { Fault, FaultContext } from './support/fault';
import { viewGroup } from './support/groups';
import { promised, waitFor } from './support/wait';

const GROUP = 'monitoring.feedback';
const PARTITIONS = 6;
/** Longer than a session of the lab's consumers (10 s) and than Postgres lets a transaction sit idle (15 s). */
const FROZEN_SECONDS = 18;
const FROZEN_SECONDS_LONG = 60;

/**
 * F5: a consumer is frozen inside its transaction, right before COMMIT: its events are handled by others meanwhile, and what the
 * zombie writes when it wakes must lose.
 */
export const fault: Fault = {
  id: 'F5',
  title: 'Consumer frozen in its transaction, then woken',
  async run(context) {
    for (let round = 0; round < context.rounds; round += 1) await freeze(context, round);
  },
};

async function freeze({ lab, traffic, long, fault: count, note }: FaultContext, round: number): Promise<void> {
  const zombie = await lab.startReplica('monitoring', {
    waitReady: false,
    env: {
      NODE_OPTIONS: `--require ${join(__dirname, 'failpoints.js')}`,
      MILLRACE_FAILPOINT: 'before-commit',
      MILLRACE_FAILPOINT_PASS: '2',
      MILLRACE_FAILPOINT_SIGNAL: 'SIGSTOP',
    },
  });
  await waitFor('the consumer to freeze', () => zombie.output.includes(REACHED), { timeoutMs: 60_000 });
  count('frozen before COMMIT', { round, pid: zombie.pid });
  const frozenMs = performance.now();
  await promised(
    'the others take over',
    async () => {
      const { shares, partitions } = await viewGroup(lab.kafka.brokers, GROUP);
      return shares.length === 1 && partitions === PARTITIONS;
    },
    { timeoutMs: 40_000 },
  );
  note('taken over', { round, seconds: (performance.now() - frozenMs) / 1000 });
  const holdMs = (long ? FROZEN_SECONDS_LONG : FROZEN_SECONDS) * 1000;
  await delay(Math.max(0, holdMs - (performance.now() - frozenMs)));
  zombie.kill('SIGCONT');
  await waitFor('the zombie to be one of them again', async () => {
    const { shares } = await viewGroup(lab.kafka.brokers, GROUP);
    return shares.filter((share) => share > 0).length === 2 && zombie.isRunning;
  });
  await traffic.flows({ kinds: ['feedback'] });
  assert.ok(zombie.isRunning, 'the zombie goes on in order after it woke');
  await zombie.stop();
}
