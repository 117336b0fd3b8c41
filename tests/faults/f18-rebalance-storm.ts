// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaOffsets } from '#libs/messaging';
import type { Fault, FaultContext } from './support/fault';
import { viewGroup } from './support/groups';
import { joinAsPassingMember } from './support/passing-member';
import { waitFor } from './support/wait';

const GROUP = 'monitoring.feedback';
const TOPIC = 'feedback.v1';
const PARTITIONS = 6;

/** F18: members come and go all the time; order and once-only hold, and at the end the group works as before. */
export const fault: Fault = {
  id: 'F18',
  title: 'Rebalance storm: consumers come and go every few seconds',
  traffic: ['feedback', 'inferences'],
  async run(context) {
    for (let round = 0; round < context.rounds; round += 1) await storm(context);
  },
};

async function storm({ lab, traffic, fault: count, note, random, long }: FaultContext): Promise<void> {
  const changes = long ? 60 : 8;
  const everyMs = long ? 5_000 : 2_000;
  traffic.setRate('feedback', 15);
  const extra = await lab.startReplica('monitoring');
  const passing: (() => Promise<void>)[] = [];
  for (let change = 0; change < changes; change += 1) {
    if (change % 4 === 3) {
      if (extra.isRunning) await extra.stop();
      else await extra.restart();
      count('replica toggled', { running: extra.isRunning });
    } else if (passing.length > 0 && random() < 0.5) {
      await passing.pop()?.();
      count('member left', { members: passing.length });
    } else {
      passing.push(await joinAsPassingMember(lab.kafka.brokers, GROUP, TOPIC));
      count('member came', { members: passing.length });
    }
    await delay(everyMs);
  }
  await Promise.all(passing.map((leave) => leave()));
  if (extra.isRunning) await extra.stop();
  const calmMs = performance.now();
  await waitFor('the remaining member to have all partitions', async () => {
    const { shares, partitions } = await viewGroup(lab.kafka.brokers, GROUP);
    return shares.length === 1 && partitions === PARTITIONS;
  });
  await traffic.flows({ kinds: ['feedback'] });
  await waitFor('the waiting events to be handled', async () => (await waiting(lab.kafka.brokers)) < 20);
  note('calm again', { seconds: (performance.now() - calmMs) / 1000 });
  // A lost heartbeat loop would have ended in a rebuild, or in the end of the process.
  assert.ok(lab.replicas('monitoring')[0].isRunning, 'monitoring ended in the storm');
}

/** Events of the group that are not handled yet. */
async function waiting(brokers: string[]): Promise<number> {
  const offsets = new KafkaOffsets(brokers);
  try {
    return (await offsets.positions(GROUP, [TOPIC])).reduce((sum, { lag }) => sum + lag, 0);
  } finally {
    await offsets.close();
  }
}
