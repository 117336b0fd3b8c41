// SPDX-License-Identifier: Apache-2.0
import { Partitioners, type Producer } from 'kafkajs';
import type { OutgoingMessage } from '../broker';
import { within } from '../within';
import type { KafkaClient } from './kafka-client';
import { mapKafkaError } from './kafka-errors';

/** How long the broker may wait for its replicas. */
const ACKNOWLEDGE_MS_MAX = 8_000;
const DISCONNECT_MS_MAX = 2_000;

/**
 * Sends idempotently with one request in flight. A rejected send throws its producer away: kafkajs would use the same sequence
 * numbers for the next messages, and the broker would take those for repeats and drop them.
 */
export class KafkaProducer {
  private current?: Promise<Producer>;

  constructor(
    private readonly client: KafkaClient,
    /** Further tries per send before it is rejected. */
    private readonly retries: number,
  ) {}

  async send(messages: readonly OutgoingMessage[]): Promise<void> {
    const producer = await this.connected();
    try {
      await producer.sendBatch({ acks: -1, timeout: ACKNOWLEDGE_MS_MAX, topicMessages: byTopic(messages) });
    } catch (error) {
      await this.discard();
      throw mapKafkaError(error);
    }
  }

  async close(): Promise<void> {
    await this.discard();
  }

  private async connected(): Promise<Producer> {
    this.current ??= this.connect();
    try {
      return await this.current;
    } catch (error) {
      this.current = undefined;
      throw mapKafkaError(error);
    }
  }

  private async connect(): Promise<Producer> {
    const producer = this.client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      // The same mapping of keys as the Java client's, said outright because kafkajs changed its default once.
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: this.retries },
    });
    this.client.guard(producer);
    await producer.connect();
    return producer;
  }

  private async discard(): Promise<void> {
    const { current } = this;
    this.current = undefined;
    // What failed to connect or is broken already has nothing to say about its end, and kafkajs may wait for ever for an answer.
    if (current)
      await within(
        current.then((producer) => producer.disconnect()).catch(() => undefined),
        DISCONNECT_MS_MAX,
      );
  }
}

function byTopic(messages: readonly OutgoingMessage[]) {
  const topics = new Map<string, { key: string | null; value: Buffer | string | null; headers: Record<string, string> }[]>();
  for (const { topic, key, value, headers } of messages) {
    const list = topics.get(topic);
    if (list) list.push({ key, value, headers });
    else topics.set(topic, [{ key, value, headers }]);
  }
  return [...topics].map(([topic, list]) => ({ topic, messages: list }));
}
