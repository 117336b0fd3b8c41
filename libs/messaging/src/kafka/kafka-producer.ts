// SPDX-License-Identifier: Apache-2.0
import { Partitioners, type Kafka, type Producer } from 'kafkajs';
import type { OutgoingMessage } from '../broker';
import { mapKafkaError } from './kafka-errors';

/**
 * Sends idempotently with one request in flight. A rejected send throws its producer away: kafkajs would use the same sequence
 * numbers for the next messages, and the broker would take those for repeats and drop them.
 */
export class KafkaProducer {
  private current?: Promise<Producer>;

  constructor(
    private readonly kafka: Kafka,
    /** Tries per send before it is rejected; each waits up to a second. */
    private readonly retries: number,
  ) {}

  async send(messages: readonly OutgoingMessage[]): Promise<void> {
    const producer = await this.connected();
    try {
      await producer.sendBatch({ acks: -1, timeout: 30_000, topicMessages: byTopic(messages) });
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
    const producer = this.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      // The same mapping of keys as the Java client's, said outright because kafkajs changed its default once.
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: this.retries },
    });
    await producer.connect();
    return producer;
  }

  private async discard(): Promise<void> {
    const { current } = this;
    this.current = undefined;
    // What failed to connect or is broken already has nothing to say about its end.
    await current?.then((producer) => producer.disconnect()).catch(() => undefined);
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
