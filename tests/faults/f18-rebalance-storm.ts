// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaOffsets } from '#libs/messaging';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import { viewGroup } from './support/groups';
import { joinAsPassingMember } from './support/passing-member';
import { waitFor } from './support/wait';

interface Group {
  service: ServiceName;
  id: string;
  topic: string;
  partitions: number;
}

/** One whose topic promises no order, and one that relies on the order of its keys. */
const GROUPS: readonly Group[] = [
  { service: 'monitoring', id: 'monitoring.feedback', topic: 'feedback.v1', partitions: 6 },
  { service: 'ingestion', id: 'ingestion.feedback', topic: 'monitoring.feedback.v1', partitions: 6 },
];

/** F18: members come and go all the time; order and once-only hold, and at the end the groups work as before. */
export const fault: Fault = {
  id: 'F18',
  title: 'Rebalance storm: consumers come and go every few seconds',
  traffic: ['feedback', 'inferences'],
  async run(context) {
    for (let round = 0; round < context.rounds; round += 1) await storm(context);
  },
};

async function storm({ lab, traffic, fault: count, note, random, long }: FaultContext): Promise<void> {
  const { brokers } = lab.kafka;
  const changes = long ? 60 : 8;
  const everyMs = long ? 5_000 : 2_000;
  traffic.setRate('feedback', 15);
  const extras = await Promise.all(GROUPS.map(({ service }) => lab.startReplica(service)));
  const passing: (() => Promise<void>)[][] = [];
  for (let change = 0; change < changes; change += 1) {
    if (change % 4 === 3) {
      const running = !extras[0].isRunning;
      await Promise.all(extras.map((extra) => (running ? extra.restart() : extra.stop())));
      count('replicas toggled', { running });
    } else if (passing.length > 0 && random() < 0.5) {
      await Promise.all((passing.pop() ?? []).map((leave) => leave()));
      count('members left', { members: passing.length });
    } else {
      passing.push(await Promise.all(GROUPS.map(({ id, topic }) => joinAsPassingMember(brokers, id, topic))));
      count('members came', { members: passing.length });
    }
    await delay(everyMs);
  }
  await Promise.all(passing.flat().map((leave) => leave()));
  await Promise.all(extras.filter(({ isRunning }) => isRunning).map((extra) => extra.stop()));
  const calmMs = performance.now();
  await Promise.all(GROUPS.map((group) => calm(brokers, group)));
  await traffic.flows({ kinds: ['feedback'] });
  await Promise.all(
    GROUPS.map((group) => waitFor(`${group.id} to handle what waits`, async () => (await waiting(brokers, group)) < 20)),
  );
  note('calm again', { seconds: (performance.now() - calmMs) / 1000 });
  // A lost heartbeat loop would have ended in a rebuild, or in the end of the process.
  for (const { service } of GROUPS) assert.ok(lab.replicas(service)[0].isRunning, `${service} ended in the storm`);
}

async function calm(brokers: string[], { id, partitions }: Group): Promise<void> {
  await waitFor(`the remaining member of ${id} to have all partitions`, async () => {
    const view = await viewGroup(brokers, id);
    return view.shares.length === 1 && view.partitions === partitions;
  });
}

/** Events of the group that are not handled yet. */
async function waiting(brokers: string[], { id, topic }: Group): Promise<number> {
  const offsets = new KafkaOffsets(brokers);
  try {
    return (await offsets.positions(id, [topic])).reduce((sum, { lag }) => sum + lag, 0);
  } finally {
    await offsets.close();
  }
}
