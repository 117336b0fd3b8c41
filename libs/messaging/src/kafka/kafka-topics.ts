// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigResourceTypes, type Admin } from 'kafkajs';
import type { TopicSpec } from '../broker';
import { MessagingErrors } from '../messaging.errors';
import { protocolType } from './kafka-errors';

const LEADERS_MS_MAX = 20_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Creates missing topics and sets the retention of all. Refuses another number of partitions: keys would change their place. */
export async function applyTopics(admin: Admin, topics: readonly TopicSpec[], replicationFactor = -1): Promise<string[]> {
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !existing.has(topic.name));
  await refuseOtherPartitions(
    admin,
    topics.filter((topic) => existing.has(topic.name)),
  );
  if (missing.length > 0) {
    await admin.createTopics({
      waitForLeaders: false, // kafkajs gives up at the first answer of a broker that has not heard of the topic yet
      // -1: the cluster's own default.
      topics: missing.map(({ name, partitions, retentionDays }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor,
        configEntries: [{ name: 'retention.ms', value: String(retentionDays * DAY_MS) }],
      })),
    });
    await waitForLeaders(
      admin,
      missing.map((topic) => topic.name),
    );
  }
  await setRetention(
    admin,
    topics.filter((topic) => existing.has(topic.name)),
  );
  return missing.map((topic) => topic.name);
}

/** A new topic is known to the controller first and to the other brokers a little later. */
async function waitForLeaders(admin: Admin, names: string[]): Promise<void> {
  const end = performance.now() + LEADERS_MS_MAX;
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: names });
      if (topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0))) return;
    } catch (error) {
      if (protocolType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION' || performance.now() > end) throw error;
    }
    if (performance.now() > end)
      throw MessagingErrors.BROKER_UNAVAILABLE(`new topics have no leaders after ${LEADERS_MS_MAX} ms`);
    await delay(50);
  }
}

async function refuseOtherPartitions(admin: Admin, topics: readonly TopicSpec[]): Promise<void> {
  if (topics.length === 0) return;
  const { topics: found } = await admin.fetchTopicMetadata({ topics: topics.map((topic) => topic.name) });
  for (const { name, partitions } of found) {
    const wanted = topics.find((topic) => topic.name === name)?.partitions;
    if (wanted === partitions.length) continue;
    throw MessagingErrors.MESSAGE_REFUSED(
      `topic ${name} has ${partitions.length} partitions, not ${wanted}: make a new major version instead`,
    );
  }
}

/** alterConfigs replaces all settings of a topic, so those that an operator made are read first and sent along. */
async function setRetention(admin: Admin, topics: readonly TopicSpec[]): Promise<void> {
  if (topics.length === 0) return;
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map(({ name }) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  const changes = resources.flatMap(({ resourceName: name, configEntries }) => {
    const own = configEntries.filter((entry) => !entry.isDefault && !entry.readOnly && entry.configName !== 'retention.ms');
    const wanted = String((topics.find((topic) => topic.name === name)?.retentionDays ?? 7) * DAY_MS);
    if (configEntries.find((entry) => entry.configName === 'retention.ms')?.configValue === wanted) return [];
    const kept = own.map((entry) => ({ name: entry.configName, value: entry.configValue }));
    return [{ type: ConfigResourceTypes.TOPIC, name, configEntries: [...kept, { name: 'retention.ms', value: wanted }] }];
  });
  if (changes.length > 0) await admin.alterConfigs({ validateOnly: false, resources: changes });
}
