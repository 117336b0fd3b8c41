// SPDX-License-Identifier: Apache-2.0
import type { Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent, EachBatchPayload } from 'kafkajs';
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import type { SubscribeOptions, Subscription } from '../broker';
import { within } from '../within';
import { runKafkaBatch } from './kafka-batch';
import type { KafkaClient } from './kafka-client';
import { isOutage, mapKafkaError } from './kafka-errors';
import type { OffsetReset } from './kafka-log';
import { PositionCommits } from './position-commits';

export interface KafkaTimings {
  sessionTimeoutMs: number;
  heartbeatMs: number;
  rebalanceTimeoutMs: number;
  /** Longest wait of a fetch on an idle topic, and so of a stop. */
  fetchWaitMs: number;
}

export interface KafkaSubscriptionTools {
  client: KafkaClient;
  clock: Clock;
  logger: Logger;
  timings: KafkaTimings;
  /** Throws when Kafka does not answer: then a silent consumer is nobody's fault. */
  check: () => Promise<void>;
  onStopped: (subscription: KafkaSubscription) => void;
}

const FETCH_BYTES_PER_PARTITION = 256 * 1024;
const REBUILDS_MAX = 5;
const REBUILD_PAUSE_MS_MAX = 1_000;
const DISCONNECT_MS_MAX = 10_000;
const REBUILDS_WITHIN_MS = 10 * 60_000;
/** A member with partitions that neither asks for messages nor handles any for this long is stuck, however well it heartbeats. */
const IDLE_MS_MAX = 60_000;

/** One member of a Kafka group, supervised: a consumer that kafkajs gives up on is built again, a few times, before the process is. */
export class KafkaSubscription implements Subscription {
  private consumer?: Consumer;
  private owned = new Map<string, readonly number[]>();
  private round = new AbortController();
  private readonly resumes = new Map<NodeJS.Timeout, () => void>();
  private confirmedAtMs: number;
  /** When it last asked for messages, and got an answer, or was at work on some. */
  private movedAtMs: number;
  private batchesInHand = 0;
  private stalls = 0;
  private resets = 0;
  private rebuiltAtMs: number[] = [];
  private rebuildsTotal = 0;
  private rebuilding?: Promise<void>;
  /** What ended the consumer that is being built: kafkajs tells by an event and lets run() resolve. */
  private crashedInBuild?: Error;
  private stopped?: Promise<void>;
  private watch?: NodeJS.Timeout;
  private fault?: string;

  constructor(
    private readonly options: SubscribeOptions,
    private readonly tools: KafkaSubscriptionTools,
  ) {
    this.confirmedAtMs = tools.clock.monotonicMs();
    this.movedAtMs = this.confirmedAtMs;
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

  offsetResets(): number {
    return this.resets;
  }

  /** Loud, because events may be missing: kafkajs itself goes on at the start of the topic, and the inbox drops what was handled. */
  offsetWasReset({ topic, partition }: OffsetReset): void {
    this.resets += 1;
    const { group } = this.options;
    this.tools.logger.error(
      { group, topic, partition },
      'position is not in the topic any more (deleted, truncated or made anew): reading from its start; events may be lost',
    );
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
    const { client, timings } = this.tools;
    const consumer = client.kafka.consumer({
      groupId: this.options.group,
      sessionTimeout: timings.sessionTimeoutMs,
      heartbeatInterval: timings.heartbeatMs,
      rebalanceTimeout: timings.rebalanceTimeoutMs,
      maxWaitTimeInMs: timings.fetchWaitMs,
      maxBytesPerPartition: this.options.fetchBytesMax ?? FETCH_BYTES_PER_PARTITION,
      allowAutoTopicCreation: false,
      // Said outright: NODE_ENV=test silently changes kafkajs' own defaults. Bounded (about 18 s), and never restarted by kafkajs:
      // a consumer that restarts itself can do so after its disconnect(). We build a new one instead.
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 20, restartOnFailure: async () => false },
    });
    client.guard(consumer);
    this.listen(consumer);
    this.consumer = consumer;
    const commits = new PositionCommits();
    this.crashedInBuild = undefined;
    await consumer.connect();
    // fromBeginning: the default skips what was written before the group first joined, and on an expired offset jumps to the end.
    await consumer.subscribe({ topics: [...this.options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: this.options.partitionsConcurrentMax,
      eachBatch: (payload) => this.onBatch(payload, commits),
    });
    const crash = this.crashedInBuild as Error | undefined;
    if (crash && this.rebuilding) throw crash;
  }

  private listen(consumer: Consumer): void {
    const { events } = consumer;
    const mine = (): boolean => this.consumer === consumer;
    consumer.on(events.GROUP_JOIN, (event) => mine() && this.onJoin(event));
    consumer.on(events.HEARTBEAT, () => mine() && this.confirmed());
    consumer.on(events.FETCH, () => mine() && this.fetched());
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

  private fetched(): void {
    this.movedAtMs = this.tools.clock.monotonicMs();
    this.stalls = 0;
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
    this.crashedInBuild = error;
    this.rebuild(error, isOutage(error));
  }

  private async onBatch(payload: EachBatchPayload, commits: PositionCommits): Promise<void> {
    this.batchesInHand += 1;
    try {
      await runKafkaBatch(payload, {
        options: this.options,
        heartbeatMs: this.tools.timings.heartbeatMs,
        signal: this.round.signal,
        pauseFor: (resume, pauseMs) => this.pauseFor(resume, pauseMs),
        now: () => this.tools.clock.monotonicMs(),
        commits,
      });
    } finally {
      this.batchesInHand -= 1;
      this.movedAtMs = this.tools.clock.monotonicMs();
    }
  }

  private pauseFor(resume: () => void, pauseMs: number): void {
    const timer = setTimeout(() => {
      this.resumes.delete(timer);
      resume();
    }, pauseMs);
    this.resumes.set(timer, resume);
  }

  /** A membership that is silent, or idle, although Kafka answers is stuck, whatever the client believes. */
  private async supervise(): Promise<void> {
    if (this.stopped || this.rebuilding || this.stuck() === undefined) return;
    try {
      await this.tools.check();
    } catch {
      return; // Kafka is away; the client keeps trying, and readiness tells
    }
    const stuck = this.stuck();
    if (this.stopped || stuck === undefined) return;
    if (this.isIdle()) this.stalls += 1;
    // A consumer that was built anew and stalls as well: only a new process can help.
    if (this.stalls > 1) this.giveUp(new Error(stuck));
    else {
      this.tools.logger.warn({ group: this.options.group, stuck }, 'consumer is built again');
      this.rebuild(new Error(stuck), false);
    }
  }

  private stuck(): string | undefined {
    const limitMs = 2 * this.tools.timings.sessionTimeoutMs;
    if (this.heartbeatAgeMs() >= limitMs) return `no heartbeat for ${limitMs} ms`;
    return this.isIdle() ? `partitions assigned, and nothing fetched for ${IDLE_MS_MAX} ms` : undefined;
  }

  private isIdle(): boolean {
    if (this.owned.size === 0 || this.batchesInHand > 0) return false;
    return this.tools.clock.monotonicMs() - this.movedAtMs >= IDLE_MS_MAX;
  }

  private giveUp(cause: Error): void {
    if (this.fault !== undefined) return;
    this.fault = cause.message;
    this.tools.logger.error({ group: this.options.group, err: cause }, 'consumer is stuck');
    this.options.onFatal(cause);
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
        this.movedAtMs = this.tools.clock.monotonicMs();
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
