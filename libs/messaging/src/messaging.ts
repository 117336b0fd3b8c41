// SPDX-License-Identifier: Apache-2.0
import { listTopics } from '#libs/contracts';
import type { Clock, Ids } from '#libs/clock';
import type { Logger, Metrics } from '#libs/observability';
import { pgSessions, type Database, type OpenSession, type UnitOfWork } from '#libs/persistence';
import type { Broker, TopicSpec } from './broker';
import { ConsumerHost, type HostTools } from './consumer-host';
import { DeadLetterReplayer } from './dead-letter-replayer';
import { PgDeadLetters, type DeadLetters } from './dead-letters';
import { OutboxPublisher, type EventPublisher } from './event-publisher';
import type { EventConsumer } from './events';
import { messagingMetrics, registerScrapes, showConsumer, type MessagingMetrics } from './messaging-metrics';
import { outboxBacklog } from './outbox-backlog';
import { OutboxRelay } from './outbox-relay';
import { OutboxWaker } from './outbox-waker';
import { Slots } from './slots';

export interface MessagingOptions {
  service: string;
  /** Version of the running build; written into events and dead letters. */
  build: string;
  /** The service's own database, for the relay's dedicated connection. */
  databaseUrl: string;
  /** How to open that connection; default: to `databaseUrl`. */
  openSession?: OpenSession;
  database: Database;
  unitOfWork: UnitOfWork;
  broker: Broker;
  clock: Clock;
  ids: Ids;
  logger: Logger;
  metrics: Metrics;
  /** A consumer cannot go on: log, fail liveness, end the process. */
  onFatal: (error: unknown) => void;
  /** Partitions that one consumer handles at a time; at most half of the pool. Default 4. */
  partitionsConcurrentMax?: number;
  /** Handlers that run at a time in this process, over all consumers; the rest of the pool is for requests. Default 1.5 of the above. */
  handlersConcurrentMax?: number;
  /** Hard limit of one handler call. Default 20 s. */
  handlerSecondsMax?: number;
  /** Longest time that one event may ask for "later"; outages of dependencies do not count. Default 15 min. */
  laterSecondsMax?: number;
  /** How long the relay's leader may be silent before another process takes over. Default 15 s. */
  leadSilenceMsMax?: number;
  /** How often the outbox is looked at without a notice. Default 5 s, 1 s while events wait that the broker refused. */
  outboxPollMs?: number;
  /** How often replayed dead letters are looked for. Default 5 s. */
  replayPollMs?: number;
  random?: () => number;
  /** Topics that the event log makes at start. Default: all of the registry. */
  topics?: readonly TopicSpec[];
}

const START_RETRY_MS_MAX = 5_000;
// Letters are replayed by a person, from another process (`npm run dlq`).
const REPLAY_POLL_MS = 5_000;

/**
 * Everything of one service that has to do with events. Start with `start(consumers)`; stop in the order of the shutdown sequence:
 * `stopConsumers` (intake), then `stopRelay`, then the broker's `close`. Starting needs neither database nor broker to be there: it
 * goes on trying, and `readiness` says what is missing.
 */
export class Messaging {
  readonly publisher: EventPublisher;
  readonly deadLetters: DeadLetters;
  private readonly letters: PgDeadLetters;
  private readonly relay: OutboxRelay;
  private readonly waker: OutboxWaker;
  private readonly figures: MessagingMetrics;
  private readonly stopping = new AbortController();
  private readonly slots: Slots;
  private readonly suspects = new Slots(1);
  private hosts: ConsumerHost[] = [];
  private replayer?: DeadLetterReplayer;
  private starting?: Promise<void>;
  private missing?: string = 'not started';
  private fatal?: string;

  constructor(private readonly options: MessagingOptions) {
    const { service, build, clock, ids, logger, broker, databaseUrl, metrics } = options;
    this.figures = messagingMetrics(metrics);
    const { leadSilenceMsMax, outboxPollMs: pollMs } = options;
    const openSession = options.openSession ?? pgSessions(databaseUrl);
    this.relay = new OutboxRelay({
      openSession,
      service,
      broker,
      clock,
      logger,
      metrics: this.figures,
      leadSilenceMsMax,
      pollMs,
    });
    this.waker = new OutboxWaker(options.database, this.relay, logger, clock);
    this.publisher = new OutboxPublisher({ service, build, clock, ids, wake: () => this.waker.wake() });
    this.letters = new PgDeadLetters(options.database, {
      ids,
      clock,
      build,
      counted: (code) => this.figures.deadLetters.inc({ code }),
    });
    this.deadLetters = this.letters;
    const { partitionsConcurrentMax = 4 } = options;
    this.slots = new Slots(options.handlersConcurrentMax ?? Math.max(1, Math.floor(partitionsConcurrentMax * 1.5)));
  }

  /** Begins to consume and to send, in the background; resolves at once. */
  start(consumers: readonly EventConsumer[]): void {
    this.hosts = consumers.map((consumer) => new ConsumerHost(consumer, this.hostTools()));
    for (const { name } of this.hosts) showConsumer(this.figures, name);
    this.replayer = new DeadLetterReplayer(this.hosts, {
      database: this.options.database,
      unitOfWork: this.options.unitOfWork,
      clock: this.options.clock,
      logger: this.options.logger,
      handlerMsMax: this.handlerMsMax,
      pollMs: this.options.replayPollMs ?? REPLAY_POLL_MS,
    });
    registerScrapes(this.options.metrics, {
      outbox: () => outboxBacklog(this.options.database),
      lag: () => this.lag(),
      deadLetters: () => this.letters.open(),
      consumers: () =>
        this.hosts.map((host) => ({
          consumer: host.name,
          heartbeatAgeSeconds: (host.membership?.heartbeatAgeMs() ?? 0) / 1_000,
          rebuilds: host.membership?.rebuilds() ?? 0,
          offsetResets: host.membership?.offsetResets?.() ?? 0,
        })),
    });
    this.starting = this.startAll();
  }

  /** Resolves once everything runs (or stopping began). */
  async started(): Promise<void> {
    await this.starting;
  }

  /** Ends intake and waits for events in hand. */
  async stopConsumers(): Promise<void> {
    this.stopping.abort(new DOMException('stopping', 'AbortError'));
    await this.starting;
    await Promise.all([...this.hosts.map((host) => host.stop()), this.replayer?.stop()]);
  }

  /** Sends what is committed, for a bounded time, and gives up the lead. */
  async stopRelay(): Promise<void> {
    this.stopping.abort(new DOMException('stopping', 'AbortError'));
    await this.starting;
    await this.waker.stop();
    await this.relay.stop();
  }

  /** Throws when this process does not consume as it should, or the broker does not answer. */
  async readiness(): Promise<void> {
    if (this.missing !== undefined) throw new Error(this.missing);
    await this.options.broker.check();
  }

  /** Throws when only a new process can help. */
  liveness(): void {
    if (this.fatal !== undefined) throw new Error(this.fatal);
    for (const host of this.hosts) {
      const trouble = host.membership?.trouble();
      if (trouble !== undefined) throw new Error(`${host.name}: ${trouble}`);
    }
  }

  /** 'topic/partition' that each consumer of this process owns. */
  assignments(): Record<string, string[]> {
    return Object.fromEntries(this.hosts.map((host) => [host.name, host.membership?.assignment() ?? []]));
  }

  private get handlerMsMax(): number {
    return (this.options.handlerSecondsMax ?? 20) * 1_000;
  }

  private async startAll(): Promise<void> {
    const { broker } = this.options;
    await this.insist('broker', () => broker.start());
    // On Kafka topics are made by topics:apply, with the operator's replication settings; the embedded log has no operator.
    if (broker.kind === 'event-log') await this.insist('topics', () => broker.ensureTopics(this.options.topics ?? listTopics()));
    if (!this.stopping.signal.aborted) this.relay.start();
    for (const host of this.hosts) await this.insist(host.name, () => host.start());
    if (this.stopping.signal.aborted) return;
    this.replayer?.start();
    this.missing = undefined;
  }

  private async insist(what: string, step: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await step();
      } catch (error) {
        this.missing = `${what} is not started: ${(error as Error).message}`;
        this.options.logger.warn({ what, err: error }, 'messaging waits');
        await this.options.clock.sleepUnlessAborted(Math.min(START_RETRY_MS_MAX, 200 * 2 ** failures), signal);
      }
    }
  }

  private hostTools(): HostTools {
    const { broker, database, unitOfWork, clock, logger, partitionsConcurrentMax = 4 } = this.options;
    return {
      broker,
      database,
      unitOfWork,
      clock,
      logger,
      deadLetters: this.letters,
      metrics: this.figures,
      handlerMsMax: this.handlerMsMax,
      laterMsMax: (this.options.laterSecondsMax ?? 15 * 60) * 1_000,
      partitionsConcurrentMax,
      slots: this.slots,
      suspects: this.suspects,
      random: this.options.random ?? Math.random,
      onFatal: (error) => {
        this.fatal = (error as Error).message;
        this.options.onFatal(error);
      },
    };
  }

  private async lag(): Promise<{ consumer: string; topic: string; lag: number }[]> {
    const all = await Promise.all(
      this.hosts.map(async ({ name }) =>
        (await this.options.broker.lag(name)).map(({ topic, lag }) => ({ consumer: name, topic, lag })),
      ),
    );
    return all.flat();
  }
}
