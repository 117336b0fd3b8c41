// SPDX-License-Identifier: Apache-2.0
import type { Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import type { SubscribeOptions, Subscription } from '../broker';
import { within } from '../within';
import { runKafkaBatch } from './kafka-batch';
import { mapKafkaError } from './kafka-errors';

export interface KafkaTimings {
  sessionTimeoutMs: number;
  heartbeatMs: number;
  rebalanceTimeoutMs: number;
  /** Longest wait of a fetch on an idle topic, and so of a stop. */
  fetchWaitMs: number;
}

export interface KafkaSubscriptionTools {
  kafka: Kafka;
  clock: Clock;
  logger: Logger;
  timings: KafkaTimings;
  /** Throws when Kafka does not answer: then a silent consumer is nobody's fault. */
  check: () => Promise<void>;
  onStopped: (subscription: KafkaSubscription) => void;
}

const FETCH_BYTES_PER_PARTITION_MAX = 256 * 1024;
const REBUILDS_MAX = 5;
const REBUILD_PAUSE_MS_MAX = 1_000;
const DISCONNECT_MS_MAX = 10_000;
const REBUILDS_WITHIN_MS = 10 * 60_000;

/** One member of a Kafka group, supervised: a consumer that kafkajs gives up on is built again, a few times, before the process is. */
export class KafkaSubscription implements Subscription {
  private consumer?: Consumer;
  private owned = new Map<string, readonly number[]>();
  private round = new AbortController();
  private readonly resumes = new Map<NodeJS.Timeout, () => void>();
  private confirmedAtMs: number;
  private rebuiltAtMs: number[] = [];
  private rebuildsTotal = 0;
  private rebuilding?: Promise<void>;
  private stopped?: Promise<void>;
  private watch?: NodeJS.Timeout;
  private fault?: string;

  constructor(
    private readonly options: SubscribeOptions,
    private readonly tools: KafkaSubscriptionTools,
  ) {
    this.confirmedAtMs = tools.clock.monotonicMs();
  }

  assignment(): string[] {
    return [...this.owned].flatMap(([topic, partitions]) => partitions.map((partition) => `${topic}/${partition}`)).sort();
  }

  trouble(): string | undefined {
    return this.fault;
  }

  heartbeatAgeMs(): number {
    return this.tools.clock.monotonicMs() - this.confirmedAtMs;
  }

  rebuilds(): number {
    return this.rebuildsTotal;
  }

  async start(): Promise<void> {
    await this.build();
    const { sessionTimeoutMs } = this.tools.timings;
    this.watch = setInterval(() => void this.supervise(), Math.max(1_000, sessionTimeoutMs / 3));
  }

  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async build(): Promise<void> {
    const { kafka, timings } = this.tools;
    const consumer = kafka.consumer({
      groupId: this.options.group,
      sessionTimeout: timings.sessionTimeoutMs,
      heartbeatInterval: timings.heartbeatMs,
      rebalanceTimeout: timings.rebalanceTimeoutMs,
      maxWaitTimeInMs: timings.fetchWaitMs,
      maxBytesPerPartition: FETCH_BYTES_PER_PARTITION_MAX,
      allowAutoTopicCreation: false,
      // Said outright: NODE_ENV=test silently changes kafkajs' own defaults. Bounded (about 18 s), and never restarted by kafkajs:
      // a consumer that restarts itself can do so after its disconnect(). We build a new one instead.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 20, restartOnFailure: async () => false },
    });
    this.listen(consumer);
    this.consumer = consumer;
    await consumer.connect();
    // fromBeginning: the default skips what was written before the group first joined, and on an expired offset jumps to the end.
    await consumer.subscribe({ topics: [...this.options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.options.partitionsConcurrentMax,
      eachBatch: (payload) => this.onBatch(payload),
    });
  }

  private listen(consumer: Consumer): void {
    const { events } = consumer;
    const mine = (): boolean => this.consumer === consumer;
    consumer.on(events.GROUP_JOIN, (event) => mine() && this.onJoin(event));
    consumer.on(events.HEARTBEAT, () => mine() && this.confirmed());
    consumer.on(events.REBALANCING, () => mine() && this.newRound());
    consumer.on(events.CRASH, (event) => mine() && this.onCrash(event));
  }

  private onJoin({ payload }: ConsumerGroupJoinEvent): void {
    this.owned = new Map(Object.entries(payload.memberAssignment));
    this.newRound();
    this.confirmed();
  }

  private confirmed(): void {
    this.confirmedAtMs = this.tools.clock.monotonicMs();
  }

  /** Batches in hand belong to the last assignment: they end after the event in hand. */
  private newRound(): void {
    this.round.abort(new DOMException('the group rebalances', 'AbortError'));
    this.round = new AbortController();
  }

  private onCrash({ payload }: ConsumerCrashEvent): void {
    const { group } = this.options;
    const { error } = payload;
    this.tools.logger.warn({ group, err: error }, 'consumer crashed');
    this.rebuild(error, isOutage(error));
  }

  private async onBatch(payload: EachBatchPayload): Promise<void> {
    await runKafkaBatch(payload, {
      options: this.options,
      heartbeatMs: this.tools.timings.heartbeatMs,
      signal: this.round.signal,
      pauseFor: (resume, pauseMs) => this.pauseFor(resume, pauseMs),
      now: () => this.tools.clock.monotonicMs(),
    });
  }

  private pauseFor(resume: () => void, pauseMs: number): void {
    const timer = setTimeout(() => {
      this.resumes.delete(timer);
      resume();
    }, pauseMs);
    this.resumes.set(timer, resume);
  }

  /** A membership without heartbeats although Kafka answers is stuck, whatever the client believes. */
  private async supervise(): Promise<void> {
    const limitMs = 2 * this.tools.timings.sessionTimeoutMs;
    if (this.stopped || this.rebuilding || this.heartbeatAgeMs() < limitMs) return;
    try {
      await this.tools.check();
    } catch {
      return; // Kafka is away; the client keeps trying, and readiness tells
    }
    if (!this.stopped && this.heartbeatAgeMs() >= limitMs) this.rebuild(new Error(`no heartbeat for ${limitMs} ms`), false);
  }

  /** Outages of Kafka do not count: building again costs nothing, and ending the process would end its other work too. */
  private rebuild(cause: unknown, outage: boolean): void {
    if (this.stopped || this.rebuilding) return;
    const nowMs = this.tools.clock.monotonicMs();
    this.rebuiltAtMs = this.rebuiltAtMs.filter((atMs) => nowMs - atMs < REBUILDS_WITHIN_MS);
    if (!outage) this.rebuiltAtMs.push(nowMs);
    this.rebuildsTotal += 1;
    if (this.rebuiltAtMs.length > REBUILDS_MAX) {
      this.fault = `the consumer crashed ${this.rebuiltAtMs.length} times`;
      this.options.onFatal(cause);
      return;
    }
    this.rebuilding = this.buildAgain().finally(() => (this.rebuilding = undefined));
  }

  private async buildAgain(): Promise<void> {
    this.newRound();
    this.owned = new Map();
    await this.dismiss();
    for (let failures = 0; !this.stopped; failures += 1) {
      try {
        await this.build();
        this.confirmed();
        if (this.stopped) await this.dismiss(); // stopped while it was being built
        return;
      } catch (error) {
        this.tools.logger.warn({ group: this.options.group, err: mapKafkaError(error) }, 'consumer could not be built again');
        await this.dismiss();
        await this.tools.clock.sleep(Math.min(REBUILD_PAUSE_MS_MAX, 100 * 2 ** failures));
      }
    }
  }

  private async dismiss(): Promise<void> {
    const { consumer } = this;
    this.consumer = undefined;
    if (!consumer) return;
    const disconnecting = consumer.disconnect().catch((error: unknown) => {
      this.tools.logger.debug({ err: error }, 'consumer did not disconnect in order');
    });
    // Without a broker, leaving the group is tried for a while; nobody should wait for that.
    await within(disconnecting, DISCONNECT_MS_MAX);
  }

  private async shutDown(): Promise<void> {
    clearInterval(this.watch);
    this.newRound();
    for (const timer of this.resumes.keys()) clearTimeout(timer);
    // Leaves the group, so that the others take over at once; waits for batches in hand.
    await this.dismiss();
    this.owned = new Map();
    this.tools.onStopped(this);
  }
}

/** Errors that pass when Kafka is back; the same rule by which kafkajs would restart. */
function isOutage(error: Error): boolean {
  return error.name === 'KafkaJSNumberOfRetriesExceeded' || (error as { retriable?: boolean }).retriable === true;
}
