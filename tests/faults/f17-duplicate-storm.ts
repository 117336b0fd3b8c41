// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { listTopics } from '#libs/contracts';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import type { FaultLab } from './support/fault-lab';
import { outboxesEmpty } from './support/fault-lab';
import { Product } from './support/product';
import { messagesBefore, topicEnds, type TopicEnds } from './support/topic-reader';
import { waitFor } from './support/wait';

const services: readonly ServiceName[] = ['gateway', 'ingestion', 'data-prep', 'training', 'registry', 'monitoring'];
const QUIET_MS = 2_500;
const COPIED_AT_ONCE = 200;
/** What the machinery itself notes of deliveries; everything else is state. */
const MACHINERY = ['inbox', 'dead_letters', 'consumer_progress', 'idempotency_keys'];

/**
 * F17: every message of every topic comes again, in two ways: copied behind the originals into the live groups, and by setting the
 * offsets of monitoring's groups back to 0. Not one row of any service may differ afterwards.
 */
export const fault: Fault = {
  id: 'F17',
  title: 'Every topic replayed from offset 0',
  async run(context) {
    const { lab, traffic, workspace } = context;
    await delay(3_000); // something to replay
    for (const kind of traffic.kinds) traffic.setRate(kind, 0);
    await outboxesEmpty(lab, 30_000);
    const before = await settledHashes(lab, workspace);
    // Once: a round that also copied the copies of the rounds before it would double the topics each time.
    const names = listTopics().map(({ name }) => name);
    const originals = await topicEnds(lab.kafka.brokers, names);
    for (let round = 0; round < context.rounds; round += 1) {
      await copyAll(context, originals);
      await rewind(context);
      const after = await settledHashes(lab, workspace);
      assert.deepEqual(after, before, 'tables after the replay');
    }
    for (const kind of traffic.kinds) traffic.setRate(kind, kind === 'jobs' ? 0.1 : 3);
  },
};

async function copyAll({ lab, workspace, fault: count }: FaultContext, ends: TopicEnds): Promise<void> {
  const product = new Product(() => lab.kafka.brokers);
  try {
    for (const { name } of listTopics()) {
      const messages = await messagesBefore(lab.kafka.brokers, name, { workspace, ends });
      for (let at = 0; at < messages.length; at += COPIED_AT_ONCE)
        await product.send(name, messages.slice(at, at + COPIED_AT_ONCE));
      if (messages.length > 0) count('messages copied', { topic: name, copied: messages.length });
    }
  } finally {
    await product.close();
  }
  await caughtUp(lab);
}

async function rewind({ lab, fault: count }: FaultContext): Promise<void> {
  const groups = listTopics().flatMap(({ name, consumers }) =>
    consumers.filter((group) => group.startsWith('monitoring.')).map((groupId) => ({ groupId, topic: name })),
  );
  const [monitoring] = lab.replicas('monitoring');
  await monitoring.stop();
  await withAdmin(lab, async (admin) => {
    for (const { groupId, topic } of groups) await admin.resetOffsets({ groupId, topic, earliest: true });
  });
  count('offsets set back', { groups: groups.map(({ groupId }) => groupId) });
  await monitoring.restart({});
  await caughtUp(lab);
}

type Admin = ReturnType<Kafka['admin']>;

async function withAdmin<T>(lab: FaultLab, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ clientId: 'millrace-faults', brokers: lab.kafka.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Until every group of the registry has committed the end of its topics. */
async function caughtUp(lab: FaultLab): Promise<void> {
  await withAdmin(lab, async (admin) => {
    for (const { name, consumers } of listTopics()) {
      const groups = consumers.filter((group) => !group.includes('<'));
      for (const groupId of groups) {
        await waitFor(`${groupId} to read ${name} to its end`, async () => {
          const [offsets] = await admin.fetchOffsets({ groupId, topics: [name] });
          const ends = await admin.fetchTopicOffsets(name);
          const waiting = ends.filter(({ partition, high, low }) => {
            const at = offsets.partitions.find((each) => each.partition === partition)?.offset ?? '-1';
            return BigInt(high) > BigInt(low) && BigInt(at) < BigInt(high);
          });
          if (waiting.length > 0) throw new Error(JSON.stringify({ offsets, ends }));
          return true;
        });
      }
    }
  });
}

/** Hash of every table's rows of the workspace, once they have not changed for a while. */
async function settledHashes(lab: FaultLab, workspace: string): Promise<Record<string, string>> {
  let last = await hashes(lab, workspace);
  let sinceMs = performance.now();
  return waitFor('tables that rest', async () => {
    const now = await hashes(lab, workspace);
    if (JSON.stringify(now) !== JSON.stringify(last)) {
      last = now;
      sinceMs = performance.now();
    }
    return performance.now() - sinceMs >= QUIET_MS ? now : undefined;
  });
}

async function hashes(lab: FaultLab, workspace: string): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const service of services) {
    const tables = await lab.postgres.sql<{ name: string }>(
      service,
      `select table_name as name from information_schema.columns where table_schema = 'public' and column_name = 'workspace' order by 1`,
    );
    const selects = tables
      .filter(({ name }) => !MACHINERY.includes(name))
      .map(
        ({ name }) =>
          `select '${name}' as name, count(*) || ' rows ' || coalesce(md5(string_agg(t::text, chr(10) order by t::text)), '') as hash from ${name} t where workspace = $1`,
      );
    const rows = await lab.postgres.sql<{ name: string; hash: string }>(service, selects.join(' union all '), [workspace]);
    for (const { name, hash } of rows) all[`${service}.${name}`] = hash;
  }
  return all;
}
