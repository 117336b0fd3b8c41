// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { AssignerProtocol, Kafka, logLevel, type Admin, type Producer } from 'kafkajs';
import { eventually } from '#libs/testing';

export interface TopicEvent {
  topic: string;
  partition: number;
  offset: string;
  key: string;
  headers: Record<string, string>;
  data: Record<string, unknown>;
}

/** What Kafka itself says about groups and topics, read with a client that knows nothing of Millrace. */
export class KafkaView {
  private readonly kafka: Kafka;
  private readonly admin: Admin;
  private readonly producer: Producer;

  private constructor(brokers: string[]) {
    const retry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 60 };
    this.kafka = new Kafka({ clientId: 'scale-spec', brokers, logLevel: logLevel.NOTHING, retry });
    this.admin = this.kafka.admin();
    this.producer = this.kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  }

  static async open(brokers: string[]): Promise<KafkaView> {
    const view = new KafkaView(brokers);
    await view.admin.connect();
    await view.producer.connect();
    return view;
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
    await this.producer.disconnect();
  }

  /** 'topic/partition' by member of a stable group. Throws while the group is joining. */
  async assignments(group: string): Promise<Map<string, string[]>> {
    const { groups } = await this.admin.describeGroups([group]);
    if (groups[0].state !== 'Stable') throw new Error(`${group} is ${groups[0].state}`);
    return new Map(
      groups[0].members.map(({ memberId, memberAssignment }) => {
        const { assignment = {} } = AssignerProtocol.MemberAssignment.decode(memberAssignment) ?? {};
        return [memberId, Object.entries(assignment).flatMap(([topic, parts]) => parts.map((part) => `${topic}/${part}`))];
      }),
    );
  }

  /** Produces one message as any product would. */
  async send(topic: string, message: { key: string; value: string; headers: Record<string, string> }): Promise<void> {
    await this.producer.send({ topic, acks: -1, messages: [message] });
  }

  /** Every message of a topic as it is now, in the order of its partitions. */
  async read(topic: string): Promise<TopicEvent[]> {
    const ends = await this.admin.fetchTopicOffsets(topic);
    const missing = new Set(ends.filter(({ low, high }) => BigInt(high) > BigInt(low)).map(({ partition }) => partition));
    const last = new Map(ends.map(({ partition, high }) => [partition, BigInt(high) - 1n]));
    const events: TopicEvent[] = [];
    const groupId = `scale-spec-${randomUUID()}`;
    const consumer = this.kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ partition, message }) => {
          events.push(toEvent(topic, partition, message));
          if (BigInt(message.offset) >= last.get(partition)!) missing.delete(partition);
        },
      });
      await eventually(() => missing.size === 0, { timeoutMs: 60_000 });
    } finally {
      await consumer.disconnect();
      await this.admin.deleteGroups([groupId]);
    }
    return events;
  }
}

interface RawMessage {
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers?: Record<string, Buffer | string | (Buffer | string)[] | undefined>;
}

function toEvent(topic: string, partition: number, { offset, key, value, headers = {} }: RawMessage): TopicEvent {
  return {
    topic,
    partition,
    offset,
    key: String(key),
    headers: Object.fromEntries(Object.entries(headers).map(([name, content]) => [name, String(content)])),
    data: JSON.parse(String(value)) as Record<string, unknown>,
  };
}
