// SPDX-License-Identifier: Apache-2.0
// What bench:outbox measures: one service that writes and sends, and another one that handles.
import { setTimeout as delay } from 'node:timers/promises';
import { SystemClock, UuidIds } from '#libs/clock';
import { EventConsumer, Messaging, onBatch, type Broker } from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import type { Persistence } from '#libs/persistence';
import { Changed, StateWriter } from './state-writer';

export const WRITERS = 8;

/** One service's database. */
export interface Side {
  databaseUrl: string;
  persistence: Persistence;
}

export class BenchConsumer extends EventConsumer {
  readonly group = 'bench.events';
  override readonly batch = { sizeMax: 500 };
  received = 0;
  /** Events that are not the next change of their aggregate: out of order, doubled or after one that is missing. */
  outOfOrder = 0;
  private readonly last = new Map<string, number>();
  readonly latenciesMs: number[] = [];
  readonly handlers = [
    onBatch(Changed, async (events, tx) => {
      tx.afterCommit(() => {
        this.received += events.length;
        for (const { aggregateId, data } of events) {
          this.latenciesMs.push(performance.now() - data.wantedMs);
          if (data.version !== (this.last.get(aggregateId) ?? 0) + 1) this.outOfOrder += 1;
          this.last.set(aggregateId, data.version);
        }
      });
    }),
  ];
}

/** A service that writes and sends, and another one that handles; each has a database of its own. Both live in this process. */
export class Joint {
  readonly consumer = new BenchConsumer();
  readonly writer: StateWriter;
  private readonly service: Messaging;
  private handler?: Messaging;

  constructor(private readonly parts: { service: Side; handler: Side; broker: Broker }) {
    this.service = this.messaging('bench', parts.service);
    this.writer = new StateWriter(parts.service.persistence, this.service.publisher);
  }

  async start(): Promise<void> {
    await this.writer.createState(WRITERS);
    this.service.start([]);
    await this.service.started();
  }

  async startHandling(): Promise<void> {
    this.handler = this.messaging('bench-handler', this.parts.handler);
    this.handler.start([this.consumer]);
    await this.handler.started();
  }

  async stopHandling(): Promise<void> {
    await this.handler?.stopConsumers();
    await this.handler?.stopRelay();
    this.handler = undefined;
  }

  async stop(): Promise<void> {
    await this.stopHandling();
    await this.service.stopConsumers();
    await this.service.stopRelay();
    await this.parts.broker.close();
    await this.parts.handler.persistence.close();
    await this.parts.service.persistence.close();
  }

  /** The broker has acknowledged every event that was committed. */
  async sent(secondsMax: number): Promise<void> {
    const { database } = this.parts.service.persistence;
    const unsent = async (): Promise<boolean> =>
      (await database.query<{ some: boolean }>('select exists (select from outbox where published_at is null) as some'))[0].some;
    await this.until(
      async () => !(await unsent()),
      () => 'events wait in the outbox',
      { pollMs: 10, secondsMax },
    );
  }

  async received(count: number, secondsMax: number): Promise<void> {
    const { consumer } = this;
    await this.until(
      () => consumer.received >= count,
      () => `${consumer.received} of ${count} events`,
      { pollMs: 2, secondsMax },
    );
  }

  private async until(
    done: () => boolean | Promise<boolean>,
    state: () => string,
    { pollMs, secondsMax }: { pollMs: number; secondsMax: number },
  ): Promise<void> {
    const endMs = performance.now() + secondsMax * 1000;
    while (!(await done())) {
      if (performance.now() > endMs) throw new Error(`${state()} after ${secondsMax} s`);
      await delay(pollMs);
    }
  }

  private messaging(service: string, { databaseUrl, persistence }: Side): Messaging {
    return new Messaging({
      service,
      build: 'bench',
      databaseUrl,
      database: persistence.database,
      unitOfWork: persistence.unitOfWork,
      broker: this.parts.broker,
      clock: new SystemClock(),
      ids: new UuidIds(),
      logger: silentLogger(),
      metrics: new Metrics('bench'),
      onFatal: (error) => {
        throw error;
      },
    });
  }
}
