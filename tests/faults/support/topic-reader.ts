// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, type KafkaMessage } from 'kafkajs';
import type { TopicEvent } from './facts';
import type { ProductMessage } from './product';
import { waitFor } from './wait';

/** Reads whole topics, from the first offset to the ends of this moment, and gives the events of one workspace. */
export async function readTopics(brokers: string[], topics: readonly string[], workspace: string): Promise<TopicEvent[]> {
  const events: TopicEvent[] = [];
  const kafka = readerOf(brokers);
  await readUpTo(kafka, await endsOf(kafka, topics), (topic, partition, message) => {
    if (workspaceOf(message) === workspace) events.push(toEvent(topic, partition, message));
  });
  return events;
}

/** End offsets by `topic/partition`, of partitions that hold something. */
export type TopicEnds = ReadonlyMap<string, bigint>;

/** Where topics end at this moment. */
export async function topicEnds(brokers: string[], topics: readonly string[]): Promise<TopicEnds> {
  return endsOf(readerOf(brokers), topics);
}

/** The messages of a workspace in a topic before these ends, as they were written. */
export async function messagesBefore(
  brokers: string[],
  topic: string,
  { workspace, ends }: { workspace: string; ends: TopicEnds },
): Promise<ProductMessage[]> {
  const messages: ProductMessage[] = [];
  const take = (message: KafkaMessage): void => {
    const { key, value, headers = {} } = message;
    if (workspaceOf(message) === workspace) messages.push({ key: key?.toString() ?? null, value, headers });
  };
  const ofTopic = new Map([...ends].filter(([place]) => place.startsWith(`${topic}/`)));
  await readUpTo(readerOf(brokers), ofTopic, (_topic, _partition, message) => take(message));
  return messages;
}

function readerOf(brokers: string[]): Kafka {
  return new Kafka({ clientId: 'millrace-faults-checker', brokers, logLevel: logLevel.NOTHING, retry: { retries: 8 } });
}

async function readUpTo(
  kafka: Kafka,
  limits: TopicEnds,
  onMessage: (topic: string, partition: number, message: KafkaMessage) => void,
): Promise<void> {
  if (limits.size === 0) return;
  const ends = new Map(limits);
  const topics = new Set([...ends.keys()].map((place) => place.slice(0, place.lastIndexOf('/'))));
  const groupId = `faults-checker-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200, allowAutoTopicCreation: false });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const place = `${batch.topic}/${batch.partition}`;
        for (const message of batch.messages) {
          if (BigInt(message.offset) < (limits.get(place) ?? 0n)) onMessage(batch.topic, batch.partition, message);
        }
        const end = ends.get(place);
        if (end !== undefined && BigInt(batch.lastOffset()) >= end - 1n) ends.delete(place);
      },
    });
    await waitFor('the ends of the topics', () => ends.size === 0, { timeoutMs: 60_000, intervalMs: 20 });
  } finally {
    await consumer.disconnect();
  }
}

function workspaceOf(message: KafkaMessage): string {
  return message.headers?.ce_workspace?.toString() ?? '';
}

/** End offsets of the partitions that hold something. */
async function endsOf(kafka: Kafka, topics: readonly string[]): Promise<Map<string, bigint>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const ends = new Map<string, bigint>();
    for (const topic of topics) {
      for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
        if (BigInt(high) > BigInt(low)) ends.set(`${topic}/${partition}`, BigInt(high));
      }
    }
    return ends;
  } finally {
    await admin.disconnect();
  }
}

function toEvent(topic: string, partition: number, message: KafkaMessage): TopicEvent {
  const header = (name: string): string => message.headers?.[name]?.toString() ?? '';
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key?.toString() ?? '',
    id: header('ce_id'),
    type: header('ce_type'),
    source: header('ce_source'),
    aggregateVersion: Number(header('ce_aggregateversion') || '0'),
    data: readData(message.value),
  };
}

/** Empty for what is not JSON: poison is judged by its headers. */
function readData(value: Buffer | null): Record<string, unknown> {
  const text = value?.toString('utf8') ?? '';
  if (!text.startsWith('{')) return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
