// SPDX-License-Identifier: Apache-2.0
import { SystemClock, UuidIds, type Clock, type Ids } from '#libs/clock';
import { CommonErrors } from '#libs/errors';
import type { Logger } from '#libs/observability';
import { openPersistence, pgSessions, type OpenSession, type Persistence } from '#libs/persistence';
import {
  Broker,
  type OutgoingMessage,
  type PartitionLag,
  type SubscribeOptions,
  type Subscription,
  type TopicSpec,
} from '../broker';
import { MessagingErrors } from '../messaging.errors';
import { EventLogSubscription } from './event-log-subscription';
import { GroupStore } from './group-store';
import { LogStore } from './log-store';
import { NoticeListener } from './notice-listener';

export interface EventLogOptions {
  /** URL of the database with the event log's schema (`eventLogMigrations`). */
  databaseUrl: string;
  service: string;
  logger: Logger;
  clock?: Clock;
  /** A member silent for this long loses its partitions. Default 10 s. */
  leaseMs?: number;
  heartbeatMs?: number;
  /** Backstop for lost notices. Default 5 s. */
  pollMs?: number;
  connectionsMax?: number;
  ids?: Ids;
  /** Default: a pool and sessions on `databaseUrl`. */
  persistence?: Pick<Persistence, 'database' | 'unitOfWork' | 'close'>;
  openSession?: OpenSession;
}

const PURGE_EVERY_MS = 10 * 60_000;
const PURGED_ROWS_MAX = 10_000;

/**
 * A broker in PostgreSQL, for one machine and for tests: topics, partitions, offsets, groups with leases. Idle cost per process:
 * one heartbeat and one look per few seconds, whatever the number of consumers; messages wake readers by NOTIFY.
 */
export class EventLogBroker extends Broker {
  readonly kind = 'event-log';
  private readonly persistence: Pick<Persistence, 'database' | 'unitOfWork' | 'close'>;
  private readonly log: LogStore;
  private readonly groups: GroupStore;
  private readonly listener: NoticeListener;
  private readonly clock: Clock;
  private readonly ids: Ids;
  private readonly subscriptions = new Set<EventLogSubscription>();
  private readonly stopping = new AbortController();
  private loops: Promise<void>[] = [];
  private readonly leaseMs: number;

  constructor(private readonly options: EventLogOptions) {
    super();
    this.clock = options.clock ?? new SystemClock();
    this.leaseMs = options.leaseMs ?? 10_000;
    this.ids = options.ids ?? new UuidIds();
    this.persistence =
      options.persistence ??
      openPersistence({
        databaseUrl: options.databaseUrl,
        applicationName: `millrace-${options.service}-event-log`,
        connectionsMax: options.connectionsMax ?? 5,
      });
    this.log = new LogStore(this.persistence.database, this.persistence.unitOfWork);
    this.groups = new GroupStore(this.persistence.database, this.persistence.unitOfWork, this.leaseMs);
    this.listener = new NoticeListener({
      openSession: options.openSession ?? pgSessions(options.databaseUrl),
      applicationName: `millrace-${options.service}-event-log-listener`,
      channels: ['messages', 'groups'],
      clock: this.clock,
      logger: options.logger,
      onNotice: (channel, payload) => this.onNotice(channel, payload),
    });
  }

  async start(): Promise<void> {
    this.listener.start();
    this.loops = [
      this.every(this.options.heartbeatMs ?? Math.ceil(this.leaseMs / 3.3), () => this.beat()),
      this.every(this.options.pollMs ?? 5_000, () => this.look()),
      this.every(PURGE_EVERY_MS, () => this.purge()),
    ];
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    await this.log.append(messages);
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    if (this.stopping.signal.aborted) throw CommonErrors.UNAVAILABLE('the broker is closed');
    const topics = await this.log.resolve(options.topics);
    const subscription = new EventLogSubscription({ id: this.ids.next(), group: options.group, topics }, options, {
      log: this.log,
      groups: this.groups,
      clock: this.clock,
      logger: this.options.logger,
      leaseMs: this.leaseMs,
      onStopped: (stopped) => this.subscriptions.delete(stopped),
    });
    await subscription.join();
    this.subscriptions.add(subscription);
    return subscription;
  }

  ensureTopics(topics: readonly TopicSpec[]): Promise<void> {
    return this.log.ensureTopics(topics);
  }

  lag(group: string): Promise<PartitionLag[]> {
    return this.log.lag(group);
  }

  async check(): Promise<void> {
    try {
      await this.persistence.database.query('select 1');
    } catch (error) {
      throw MessagingErrors.BROKER_UNAVAILABLE('the event log does not answer', {}, error);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.stop()));
    this.stopping.abort(new DOMException('closed', 'AbortError'));
    await Promise.all([...this.loops, this.listener.stop()]);
    await this.persistence.close();
  }

  private onNotice(channel: string, payload: string): void {
    if (channel === 'groups') {
      for (const subscription of this.subscriptions) {
        if (payload === '' || payload === subscription.member.group) this.rebalance(subscription);
      }
      return;
    }
    const places = payload === '' ? [undefined] : payload.split(' ');
    for (const subscription of this.subscriptions) for (const place of places) subscription.wake(place);
  }

  /** One statement renews all members of this process, and tells who of others is overdue. */
  private async beat(): Promise<void> {
    const subscriptions = [...this.subscriptions];
    if (subscriptions.length === 0) return;
    try {
      const { lost, expired } = await this.groups.heartbeat(subscriptions.map(({ member }) => member));
      for (const subscription of subscriptions) {
        if (lost.has(subscription.member.id)) await subscription.rejoin();
        else subscription.confirmed();
        if (expired.has(subscription.member.group) || subscription.wantsMore) this.rebalance(subscription);
      }
    } catch (error) {
      // Past the lease others may own our partitions: working on would only repeat what they do.
      for (const subscription of subscriptions) {
        subscription.refused();
        if (subscription.heartbeatAgeMs() > this.leaseMs) subscription.loseAll();
      }
      throw error;
    }
  }

  /** The backstop: compares where partitions end with where their readers are. */
  private async look(): Promise<void> {
    const positions = new Map([...this.subscriptions].map((subscription) => [subscription, subscription.positions()]));
    const topicIds = [...new Set([...positions.keys()].flatMap(({ member }) => member.topics.map(({ id }) => id)))];
    if (topicIds.length === 0) return;
    const ends = await this.log.ends(topicIds);
    for (const [subscription, before] of positions) subscription.compare(before, ends);
  }

  /** Everything that is over its time, in slices: one slice a round would not keep up with a busy topic. */
  private async purge(): Promise<void> {
    while (!this.stopping.signal.aborted && (await this.log.purge(PURGED_ROWS_MAX)) >= PURGED_ROWS_MAX);
  }

  private rebalance(subscription: EventLogSubscription): void {
    subscription.rebalance().catch((error: unknown) => {
      subscription.wantsMore = true; // the next heartbeat tries again
      this.options.logger.warn({ group: subscription.member.group, err: error }, 'rebalance failed');
    });
  }

  private async every(ms: number, task: () => Promise<unknown>): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.clock.sleepUnlessAborted(ms, signal);
      if (signal.aborted) return;
      try {
        await task();
      } catch (error) {
        this.options.logger.warn({ err: error }, 'event log interrupted');
      }
    }
  }
}
