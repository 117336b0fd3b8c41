// SPDX-License-Identifier: Apache-2.0
import { Kafka, logLevel, Partitioners, type IHeaders, type Producer } from 'kafkajs';

export interface ProductMessage {
  key: string | null;
  /** Where it goes, whatever its key is. */
  partition?: number;
  headers: IHeaders;
  value: Buffer | string | null;
}

/** Headers of a CloudEvent in binary mode. */
export function eventHeaders(event: {
  id: string;
  source: string;
  type: string;
  workspace: string;
  aggregateVersion?: number;
}): IHeaders {
  const { id, source, type, workspace, aggregateVersion } = event;
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: type,
    ce_workspace: workspace,
    ...(aggregateVersion === undefined ? {} : { ce_aggregateversion: String(aggregateVersion) }),
    'content-type': 'application/json',
  };
}

/** Somebody outside who writes to topics, with plain kafkajs. Connects on first use, and again after a failure. */
export class Product {
  private producer?: Promise<Producer>;

  constructor(private readonly brokers: () => string[]) {}

  /** Resolves when the broker has it (acks of all replicas). */
  async send(topic: string, messages: readonly ProductMessage[]): Promise<void> {
    this.producer ??= this.connect();
    const producer = await this.producer.catch((error: unknown) => {
      this.producer = undefined;
      throw error;
    });
    try {
      await producer.send({ topic, acks: -1, timeout: 10_000, messages: [...messages] });
    } catch (error) {
      // After a broker that froze, kafkajs may answer "Broker not connected" for ever: begin again with a new producer.
      if ((await this.producer?.catch(() => undefined)) === producer) this.producer = undefined;
      void producer.disconnect().catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    const producer = await this.producer?.catch(() => undefined);
    await producer?.disconnect();
  }

  private async connect(): Promise<Producer> {
    const kafka = new Kafka({
      clientId: 'millrace-faults-product',
      brokers: this.brokers(),
      connectionTimeout: 3_000,
      requestTimeout: 10_000,
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 500 },
      logLevel: logLevel.NOTHING,
    });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false });
    await producer.connect();
    return producer;
  }
}
