// SPDX-License-Identifier: Apache-2.0
import {
  Broker,
  MessagingErrors,
  type IncomingMessage,
  type MessageBatch,
  type OutgoingMessage,
  type PartitionLag,
  type SubscribeOptions,
  type Subscription,
  type TopicSpec,
} from '#libs/messaging';
import type { Kernel, SimProcess } from './kernel';

interface Group {
  generation: number;
  members: Map<string, { seenMs: number; topics: readonly string[] }>;
  owners: Map<string, string>;
  committed: Map<string, number>;
}

const SESSION_MS = 10_000;

/** A broker as Kafka behaves: partitions, groups with a generation, offsets that only the present owner may commit. */
export class SimKafka {
  readonly name = 'broker';
  readonly logs = new Map<string, IncomingMessage[]>();
  private readonly partitions = new Map<string, number>();
  private readonly groups = new Map<string, Group>();
  awayUntilMs = 0;
  /** Events of this key with an odd version are refused for now. */
  refusedKey?: string;
  checksGeneration = true;
  /** Commits below an earlier one of the same group: the broker takes any offset of the present owner. */
  readonly wentBack: string[] = [];

  constructor(readonly kernel: Kernel) {}

  get away(): boolean {
    return this.kernel.nowMs < this.awayUntilMs;
  }

  addTopic({ name, partitions }: TopicSpec): void {
    this.partitions.set(name, partitions);
    for (let i = 0; i < partitions; i += 1) this.logs.set(`${name}/${i}`, []);
  }

  append(messages: readonly OutgoingMessage[]): void {
    for (const { topic, key, value, headers } of messages) {
      const partition =
        (key ?? '').split('').reduce((sum, char) => sum + char.charCodeAt(0), 0) % (this.partitions.get(topic) ?? 1);
      const log = this.logs.get(`${topic}/${partition}`) ?? [];
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      log.push({ topic, partition, offset: String(log.length), key, headers, value: bytes, time: new Date(this.kernel.nowMs) });
    }
  }

  group(name: string): Group {
    let group = this.groups.get(name);
    if (!group) this.groups.set(name, (group = { generation: 0, members: new Map(), owners: new Map(), committed: new Map() }));
    return group;
  }

  heartbeat(name: string, member: string, topics: readonly string[]): { generation: number; mine: string[] } {
    const group = this.group(name);
    const gone = [...group.members].filter(([, { seenMs }]) => this.kernel.nowMs - seenMs > SESSION_MS).map(([id]) => id);
    const isNew = !group.members.has(member) || gone.includes(member);
    for (const id of gone) group.members.delete(id);
    group.members.set(member, { seenMs: this.kernel.nowMs, topics });
    if (isNew || gone.length > 0) this.rebalance(group);
    return { generation: group.generation, mine: [...group.owners].filter(([, id]) => id === member).map(([place]) => place) };
  }

  leave(name: string, member: string): void {
    if (this.group(name).members.delete(member)) this.rebalance(this.group(name));
  }

  rebalanceAll(): void {
    for (const group of this.groups.values()) this.rebalance(group);
  }

  commit(name: string, member: string, commit: { place: string; offset: number; generation: number }): boolean {
    const group = this.group(name);
    if (this.checksGeneration && (commit.generation !== group.generation || group.owners.get(commit.place) !== member))
      return false;
    const before = group.committed.get(commit.place) ?? 0;
    if (commit.offset < before) this.wentBack.push(`committed offset of ${name} ${commit.place} went back to ${commit.offset}`);
    group.committed.set(commit.place, commit.offset);
    return true;
  }

  lag(name: string): number {
    return [...this.logs].reduce((sum, [place, log]) => sum + log.length - (this.group(name).committed.get(place) ?? 0), 0);
  }

  private rebalance(group: Group): void {
    group.generation += 1;
    group.owners.clear();
    const ids = [...group.members.keys()].sort();
    const shift = Math.floor(this.kernel.random() * 4);
    [...this.logs.keys()].forEach((place, i) => {
      const id = ids[(i + shift) % ids.length];
      if (id !== undefined) group.owners.set(place, id);
    });
  }
}

/** One process's client of it. */
export class SimKafkaBroker extends Broker {
  readonly kind = 'kafka';
  private readonly subscriptions: SimSubscription[] = [];

  constructor(
    readonly process: SimProcess,
    readonly server: SimKafka,
  ) {
    super();
  }

  async start(): Promise<void> {
    await this.ask(() => undefined);
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    await this.ask(() => {
      if (messages.some(({ key, headers }) => key === this.server.refusedKey && Number(headers['ce_aggregateversion']) % 2 === 1))
        throw MessagingErrors.MESSAGE_REFUSED('refused for now');
      this.server.append(messages);
    });
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = new SimSubscription(this, options);
    this.subscriptions.push(subscription);
    subscription.start();
    return subscription;
  }

  async ensureTopics(): Promise<void> {
    throw MessagingErrors.MESSAGE_REFUSED('topics are made by the world');
  }

  async lag(): Promise<PartitionLag[]> {
    return [];
  }

  async check(): Promise<void> {
    await this.ask(() => undefined);
  }

  async close(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
  }

  /** A request; an answer that does not come within 10 s counts as a broker that is away. */
  ask<T>(serve: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const { process, server } = this;
      const unavailable = (): void => reject(MessagingErrors.BROKER_UNAVAILABLE('the broker does not answer'));
      const late = process.clock.timer(10_000, unavailable);
      const lose = process.loseAnswers.has(process.calls + 1);
      process.request(server.name, (answer) => {
        if (server.away) return;
        try {
          const value = serve();
          if (!lose) answer(() => (late(), resolve(value)));
        } catch (error) {
          const reason = error instanceof Error ? error : new Error(String(error));
          answer(() => (late(), reject(reason)));
        }
      });
    });
  }
}

class SimSubscription implements Subscription {
  private readonly member: string;
  private readonly workers = new Map<string, { abort: AbortController; done: Promise<void>; generation: number }>();
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly broker: SimKafkaBroker,
    private readonly options: SubscribeOptions,
  ) {
    this.member = `${broker.process.name}-${Math.floor(broker.process.kernel.random() * 1e9)}`;
  }

  assignment = (): string[] => [...this.workers.keys()];
  trouble = (): undefined => undefined;
  heartbeatAgeMs = (): number => 0;
  rebuilds = (): number => 0;

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error('stopped'));
    await this.loop;
    for (const worker of this.workers.values()) worker.abort.abort();
    await Promise.all([...this.workers.values()].map((worker) => worker.done));
    await this.broker.ask(() => this.broker.server.leave(this.options.group, this.member)).catch(() => undefined);
  }

  private async run(): Promise<void> {
    const { clock } = this.broker.process;
    while (!this.stopping.signal.aborted) {
      // A heartbeat that fails is tried again; the session ends by itself if it fails for long.
      await this.beat().catch(() => undefined);
      await clock.sleep(2_000, this.stopping.signal).catch(() => undefined);
    }
  }

  private async beat(): Promise<void> {
    const { group, topics } = this.options;
    const { generation, mine } = await this.broker.ask(() => this.broker.server.heartbeat(group, this.member, topics));
    for (const [place, worker] of this.workers) {
      if (worker.generation === generation) continue;
      worker.abort.abort();
      this.workers.delete(place);
    }
    for (const place of mine) {
      if (this.workers.has(place) || this.stopping.signal.aborted) continue;
      const abort = new AbortController();
      this.workers.set(place, { abort, generation, done: this.work(place, generation, abort.signal) });
    }
  }

  private async work(place: string, generation: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.broker.process;
    let position: number | undefined;
    while (!signal.aborted) {
      try {
        position = await this.workOnce(place, position, { generation, signal });
      } catch {
        // The broker did not answer: fetch again from where we are.
        await clock.sleep(200, signal).catch(() => undefined);
      }
    }
  }

  private async workOnce(
    place: string,
    known: number | undefined,
    at: { generation: number; signal: AbortSignal },
  ): Promise<number> {
    const { server, process } = this.broker;
    const { group, batchSizeMax, onBatch } = this.options;
    const position = known ?? (await this.broker.ask(() => server.group(group).committed.get(place) ?? 0));
    const messages = await this.broker.ask(() => (server.logs.get(place) ?? []).slice(position, position + batchSizeMax));
    const head = messages[0];
    if (!head || at.signal.aborted) {
      await process.clock.sleep(process.kernel.between(100, 1_000), at.signal).catch(() => undefined);
      return position;
    }
    const batch: MessageBatch = { topic: head.topic, partition: head.partition, messages, signal: at.signal };
    const commit = (offset: number): Promise<boolean> =>
      this.broker.ask(() => server.commit(group, this.member, { place, offset, generation: at.generation }));
    const outcome = await onBatch(batch);
    const next = position + outcome.processed;
    // A failed commit is made up for by the next one.
    if (outcome.processed > 0) await commit(next).catch(() => false);
    if (outcome.pauseMs !== undefined) await process.clock.sleep(outcome.pauseMs, at.signal).catch(() => undefined);
    return next;
  }
}
