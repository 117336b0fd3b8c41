// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import type { SubscribeOptions, Subscription } from '../broker';
import { claimId, type GroupStore, type Member, type Share } from './group-store';
import type { LogStore, TopicRow } from './log-store';
import { PartitionWorker } from './partition-worker';
import { Slots } from '../slots';

export interface SubscriptionTools {
  log: LogStore;
  groups: GroupStore;
  clock: Clock;
  logger: Logger;
  leaseMs: number;
  onStopped: (subscription: EventLogSubscription) => void;
}

/** The heartbeat loop is stuck when not even a refusal came back for so long; statements end within 15 s, also on a frozen server. */
const STUCK_MS = 60_000;

/** One member of a group: the partitions it owns, each with a worker. Heartbeats and wake-ups come from its broker. */
export class EventLogSubscription implements Subscription {
  private readonly workers = new Map<string, PartitionWorker>();
  /** On their way to be released: still ours, so that nobody takes them before their batch is done. */
  private readonly leaving = new Set<PartitionWorker>();
  private readonly slots: Slots;
  private confirmedAtMs: number;
  private answeredAtMs: number;
  private stopped?: Promise<void>;
  private turn: Promise<void> = Promise.resolve();
  /** True while this member owns less than its share: somebody has to let go first, so it keeps asking. */
  wantsMore = true;

  constructor(
    readonly member: Member,
    readonly options: SubscribeOptions,
    private readonly tools: SubscriptionTools,
  ) {
    this.slots = new Slots(options.partitionsConcurrentMax);
    this.confirmedAtMs = tools.clock.monotonicMs();
    this.answeredAtMs = this.confirmedAtMs;
  }

  assignment(): string[] {
    return [...this.workers.values()].map(({ topic, claim }) => `${topic.name}/${claim.partition}`).sort();
  }

  /** A database that is away is no trouble of this process: a restart would not help, and readiness tells of it. */
  trouble(): string | undefined {
    const ageMs = this.tools.clock.monotonicMs() - this.answeredAtMs;
    return ageMs > STUCK_MS ? `no heartbeat was tried for ${Math.round(ageMs / 1000)} s` : undefined;
  }

  heartbeatAgeMs(): number {
    return this.tools.clock.monotonicMs() - this.confirmedAtMs;
  }

  rebuilds(): number {
    return 0; // its loops go on after every failure; there is nothing to build again
  }

  async join(): Promise<void> {
    await this.tools.groups.join(this.member);
    this.confirmed();
    await this.rebalance();
  }

  confirmed(): void {
    this.confirmedAtMs = this.tools.clock.monotonicMs();
    this.answeredAtMs = this.confirmedAtMs;
  }

  /** A heartbeat failed. */
  refused(): void {
    this.answeredAtMs = this.tools.clock.monotonicMs();
  }

  /** The lease ran out, or the group removed this member: others may own its partitions already, so everything here ends now. */
  async rejoin(): Promise<void> {
    if (this.stopped) return;
    this.loseAll();
    await this.join();
  }

  loseAll(): void {
    for (const worker of this.workers.values()) worker.abort();
    this.workers.clear();
    this.wantsMore = true;
  }

  /** Brings the partitions owned in line with the members that live. Calls run one after the other. */
  rebalance(): Promise<void> {
    const next = this.turn.then(async () => {
      if (this.stopped) return;
      const running = new Set([...this.workers.values(), ...this.leaving].map(({ claim }) => claimId(claim)));
      this.apply(await this.tools.groups.rebalance(this.member, running));
    });
    this.turn = next.catch(() => undefined);
    return next;
  }

  wake(place?: string): void {
    if (place === undefined) for (const worker of this.workers.values()) worker.wake();
    else this.workers.get(place)?.wake();
  }

  /** Where each worker stands, for `compare`. */
  positions(): Map<PartitionWorker, bigint> {
    return new Map([...this.workers.values()].map((worker) => [worker, worker.nextOffset]));
  }

  /** Wakes workers that have something to read. `positions` were taken before the ends, so a shorter log is really shorter. */
  compare(positions: ReadonlyMap<PartitionWorker, bigint>, ends: ReadonlyMap<string, bigint>): void {
    for (const [worker, position] of positions) {
      const end = ends.get(worker.place);
      if (end === undefined || end === position || this.workers.get(worker.place) !== worker) continue;
      if (end < position) worker.startOver(end);
      else worker.wake();
    }
  }

  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async shutDown(): Promise<void> {
    await this.turn;
    await Promise.all([...this.workers.values()].map((worker) => worker.stop()));
    this.workers.clear();
    this.tools.onStopped(this);
    try {
      await this.tools.groups.leave(this.member);
    } catch (error) {
      // The lease runs out by itself.
      this.tools.logger.warn({ group: this.member.group, err: error }, 'group could not be left');
    }
  }

  private apply(share: Share): void {
    for (const [place, worker] of this.workers) {
      if (share.owned.has(claimId(worker.claim))) continue;
      worker.abort();
      this.workers.delete(place);
    }
    for (const claim of share.taken) {
      const topic = this.member.topics.find(({ id }) => id === claim.topicId) as TopicRow;
      const worker = new PartitionWorker(this.member, topic, claim, {
        ...this.tools,
        slots: this.slots,
        options: this.options,
        onLost: (lost) => this.onLost(lost),
      });
      this.workers.set(worker.place, worker);
      worker.start();
    }
    this.wantsMore = [...share.quota].some(([topicId, quota]) => this.ownedOf(topicId).length < quota);
    for (const [topicId, quota] of share.quota) {
      for (const worker of this.ownedOf(topicId).slice(quota)) void this.letGo(worker);
    }
  }

  private ownedOf(topicId: number): PartitionWorker[] {
    return [...this.workers.values()].filter((worker) => worker.topic.id === topicId);
  }

  /** Cooperative hand-over: finish the batch in hand, commit it, then free the partition. */
  private async letGo(worker: PartitionWorker): Promise<void> {
    this.workers.delete(worker.place);
    this.leaving.add(worker);
    try {
      await worker.stop();
      await this.tools.groups.release(this.member, worker.claim);
    } catch (error) {
      // Without the release the claim stays ours in the table: the next rebalance takes it up again or sets it free.
      this.tools.logger.warn({ group: this.member.group, err: error }, 'partition could not be released');
      this.wantsMore = true;
    } finally {
      this.leaving.delete(worker);
    }
  }

  private onLost(worker: PartitionWorker): void {
    const { group } = this.member;
    this.tools.logger.warn(
      { group, topic: worker.topic.name, partition: worker.claim.partition },
      'partition taken over by another member',
    );
    if (this.workers.get(worker.place) === worker) this.workers.delete(worker.place);
    this.wantsMore = true;
  }
}
