// SPDX-License-Identifier: Apache-2.0
import type { Admin } from 'kafkajs';
import { SystemClock, type Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import {
  Broker,
  type OutgoingMessage,
  type PartitionLag,
  type SubscribeOptions,
  type Subscription,
  type TopicSpec,
} from '../broker';
import { MessagingErrors } from '../messaging.errors';
import { within } from '../within';
import { surviveClockSteps } from './clock-step-fix';
import { registerCodecs } from './codecs';
import { beginConnectionsFresh } from './fresh-connection-fix';
import { stopIdleTimers } from './idle-timer-fix';
import { KafkaClient, type KafkaClientOptions } from './kafka-client';
import { mapKafkaError } from './kafka-errors';
import { KafkaProducer } from './kafka-producer';
import { KafkaSubscription, type KafkaTimings } from './kafka-subscription';
import { applyTopics } from './kafka-topics';
import { decodeRecordsOnce } from './record-decoder-fix';
import { encodeRecordsOnce } from './record-encoder-fix';
import { standInForUnreadableBatches } from './unreadable-batch-fix';

export interface KafkaOptions {
  brokers: string[];
  service: string;
  logger: Logger;
  clock?: Clock;
  timings?: Partial<KafkaTimings>;
  /** Further tries of a send within the client, each bounded. Default 1: who publishes tries again anyway, and should hear of it. */
  sendRetries?: number;
}

const ASK_MS_MAX = 10_000;
/** A full fetch (10 MB) over a slow link takes its time. */
const FETCH_MS_MAX = 30_000;
const DISCONNECT_MS_MAX = 2_000;
const TIMINGS: KafkaTimings = { sessionTimeoutMs: 45_000, heartbeatMs: 3_000, rebalanceTimeoutMs: 60_000, fetchWaitMs: 500 };

/** Apache Kafka (and what speaks its protocol) through kafkajs, with the settings that measurements and crash reports asked for. */
export class KafkaBroker extends Broker {
  readonly kind = 'kafka';
  private readonly producer: KafkaProducer;
  private readonly clock: Clock;
  private readonly subscriptions = new Set<KafkaSubscription>();
  private readonly known = new Set<string>();
  private admin?: Promise<Admin>;

  constructor(private readonly options: KafkaOptions) {
    super();
    registerCodecs();
    stopIdleTimers();
    beginConnectionsFresh();
    surviveClockSteps();
    encodeRecordsOnce();
    decodeRecordsOnce();
    standInForUnreadableBatches();
    this.clock = options.clock ?? new SystemClock();
    this.producer = new KafkaProducer(this.client(ASK_MS_MAX), options.sendRetries ?? 1);
  }

  async start(): Promise<void> {
    await this.check();
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return;
    await this.requireTopics([...new Set(messages.map((message) => message.topic))]);
    await this.producer.send(messages);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    await this.requireTopics(options.topics);
    const client = this.client(FETCH_MS_MAX, { onOffsetReset: (reset) => subscription.offsetWasReset(reset) });
    const subscription: KafkaSubscription = new KafkaSubscription(options, {
      client,
      clock: this.clock,
      logger: this.options.logger,
      timings: { ...TIMINGS, ...this.options.timings },
      check: () => this.check(),
      onStopped: (stopped) => this.subscriptions.delete(stopped),
    });
    this.subscriptions.add(subscription);
    try {
      await subscription.start();
    } catch (error) {
      await subscription.stop();
      throw mapKafkaError(error);
    }
    return subscription;
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    await this.ask((admin) => applyTopics(admin, topics));
  }

  async lag(group: string): Promise<PartitionLag[]> {
    return this.ask(async (admin) => {
      const lags: PartitionLag[] = [];
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId: group })) {
        const ends = new Map(
          (await admin.fetchTopicOffsets(topic)).map(({ partition, high, low }) => [partition, { high, low }]),
        );
        for (const { partition, offset } of partitions) {
          const end = ends.get(partition);
          if (!end) continue;
          // -1: the group committed nothing yet, so everything kept is still to be read.
          const position = offset === '-1' ? BigInt(end.low) : BigInt(offset);
          lags.push({ topic, partition, lag: Math.max(0, Number(BigInt(end.high) - position)) });
        }
      }
      return lags;
    });
  }

  async check(): Promise<void> {
    await this.ask((admin) => admin.describeCluster());
  }

  async close(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    await this.producer.close();
    await this.forgetAdmin();
  }

  /** A missing topic must not be waited for: kafkajs would retry it for a minute and hold up all others. */
  private async requireTopics(topics: readonly string[]): Promise<void> {
    if (topics.every((topic) => this.known.has(topic))) return;
    for (const topic of await this.ask((admin) => admin.listTopics())) this.known.add(topic);
    const missing = topics.find((topic) => !this.known.has(topic));
    if (missing !== undefined)
      throw MessagingErrors.UNKNOWN_TOPIC(`topic ${missing} does not exist on Kafka`, { topic: missing });
  }

  private async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      this.admin ??= this.connectAdmin();
      return await question(await this.admin);
    } catch (error) {
      await this.forgetAdmin();
      throw mapKafkaError(error);
    }
  }

  private client(requestMsMax: number, own: Pick<KafkaClientOptions, 'onOffsetReset'> = {}): KafkaClient {
    const { brokers, service, logger } = this.options;
    return new KafkaClient({ brokers, service, logger, requestMsMax, ...own });
  }

  private async connectAdmin(): Promise<Admin> {
    const client = this.client(ASK_MS_MAX);
    const admin = client.kafka.admin();
    client.guard(admin);
    await admin.connect();
    return admin;
  }

  private async forgetAdmin(): Promise<void> {
    const { admin } = this;
    this.admin = undefined;
    // A connection that never came or broke has nothing to say about its end, and kafkajs may wait for ever for an answer.
    if (admin)
      await within(
        admin.then((connected) => connected.disconnect()).catch(() => undefined),
        DISCONNECT_MS_MAX,
      );
  }
}
