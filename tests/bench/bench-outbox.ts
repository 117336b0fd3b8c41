// SPDX-License-Identifier: Apache-2.0
// Committed state changes until their events were handled, on the embedded event log and on Kafka: events per second, order per key,
// latency at 500 a second, and what an idle process costs. Run: npm run bench:outbox [-- --scale small] [--assert]
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SystemClock, UuidIds } from '#libs/clock';
import type { EventDefinition } from '#libs/contracts';
import {
  EventConsumer,
  EventLogBroker,
  eventLogMigrations,
  KafkaBroker,
  Messaging,
  messagingMigrations,
  onBatch,
  type Broker,
} from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import { openPersistence, persistenceMigrations, runMigrations, type Persistence } from '#libs/persistence';
import { startKafkaForTests } from '#libs/testing';
import { BenchRig, percentile, report, round, type Figure, type Scale } from './bench-kit';

interface Payload {
  /** Counts up within its key. */
  n: number;
  text: string;
}

const SIZES = {
  small: { events: 3_000, latencySeconds: 1, idleMs: 1_000 },
  full: { events: 60_000, latencySeconds: 10, idleMs: 10_000 },
};
const PER_TRANSACTION = 10;
const WRITERS = 8;
const LATENCY_RATE = 500;
const LATENCY_MS_MAX = 100;
const RATE_MIN = { kafka: 5_000, 'event-log': 3_000 };
const TOPIC = 'registry.alias.v1';

const Changed: EventDefinition<Payload> = {
  type: 'millrace.bench.changed.v1',
  topic: TOPIC,
  toJSON: (data) => data,
  fromJSON: (json) => json as Payload,
};

class BenchConsumer extends EventConsumer {
  readonly group = 'bench.events';
  override readonly batch = { sizeMax: 500 };
  received = 0;
  outOfOrder = 0;
  private readonly last = new Map<string, number>();
  readonly latenciesMs: number[] = [];
  readonly handlers = [
    onBatch(Changed, async (events, tx) => {
      tx.afterCommit(() => {
        this.received += events.length;
        for (const event of events) {
          this.latenciesMs.push(Date.now() - event.time.getTime());
          if (event.data.n <= (this.last.get(event.aggregateId) ?? -1)) this.outOfOrder += 1;
          this.last.set(event.aggregateId, event.data.n);
        }
      });
    }),
  ];
}

/** One service's messaging on a broker. */
class Joint {
  readonly consumer = new BenchConsumer();
  private readonly messaging: Messaging;
  private readonly counts = new Map<string, number>();

  constructor(
    databaseUrl: string,
    private readonly persistence: Persistence,
    private readonly broker: Broker,
  ) {
    this.messaging = new Messaging({
      service: 'bench',
      build: 'bench',
      databaseUrl,
      database: persistence.database,
      unitOfWork: persistence.unitOfWork,
      broker,
      clock: new SystemClock(),
      ids: new UuidIds(),
      logger: silentLogger(),
      metrics: new Metrics('bench'),
      onFatal: (error) => {
        throw error;
      },
    });
  }

  async start(): Promise<void> {
    this.messaging.start([this.consumer]);
    await this.messaging.started();
  }

  async stop(): Promise<void> {
    await this.messaging.stopConsumers();
    await this.messaging.stopRelay();
    await this.broker.close();
    await this.persistence.close();
  }

  /** One transaction of `count` events, each of another key of this writer. */
  commit(writer: number, count: number): Promise<unknown> {
    return this.persistence.unitOfWork.run((tx) =>
      this.messaging.publisher.publishMany(
        tx,
        Changed,
        Array.from({ length: count }, (_, key) => {
          const aggregateId = `${writer}-${key}`;
          const n = this.counts.get(aggregateId) ?? 0;
          this.counts.set(aggregateId, n + 1);
          return { workspace: 'bench', aggregateId, aggregateVersion: n + 1, data: { n, text: 'x'.repeat(100) } };
        }),
      ),
    );
  }

  async received(count: number, secondsMax: number): Promise<void> {
    const endMs = performance.now() + secondsMax * 1000;
    while (this.consumer.received < count) {
      if (performance.now() > endMs) throw new Error(`${this.consumer.received} of ${count} events after ${secondsMax} s`);
      await delay(2);
    }
  }
}

async function measure(
  joint: Joint,
  kind: 'kafka' | 'event-log',
  scale: Scale,
): Promise<{ figures: Figure[]; faults: string[] }> {
  const { events, latencySeconds, idleMs } = SIZES[scale];
  const { consumer } = joint;
  for (let n = 0; n < 50; n += 1) await joint.commit(0, PER_TRANSACTION);
  await joint.received(500, 60);
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const write = async (writer: number): Promise<void> => {
    for (let sent = 0; sent < events / WRITERS; sent += PER_TRANSACTION) await joint.commit(writer, PER_TRANSACTION);
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  const committedSeconds = (performance.now() - startMs) / 1000;
  const perWriter = Math.ceil(events / WRITERS / PER_TRANSACTION) * PER_TRANSACTION;
  const all = 500 + perWriter * WRITERS;
  await joint.received(all, 300);
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);

  consumer.latenciesMs.length = 0;
  const total = LATENCY_RATE * latencySeconds;
  const writes: Promise<unknown>[] = [];
  const paceStartMs = performance.now();
  for (let n = 0; n < total; n += 5) {
    writes.push(joint.commit((n / 5) % WRITERS, 5));
    const aheadMs = ((n + 5) * 1000) / LATENCY_RATE - (performance.now() - paceStartMs);
    if (aheadMs > 0) await delay(aheadMs);
  }
  await Promise.all(writes);
  await joint.received(all + total, 60);
  const idleBefore = process.cpuUsage();
  await delay(idleMs);
  const idle = process.cpuUsage(idleBefore);
  const faults: string[] = [];
  if (consumer.received !== all + total) faults.push(`${kind}: ${consumer.received} events handled, ${all + total} committed`);
  if (consumer.outOfOrder > 0) faults.push(`${kind}: ${consumer.outOfOrder} events out of order within their key`);
  const p95 = percentile(consumer.latenciesMs, 0.95);
  const figures: Figure[] = [
    {
      name: `${kind}: committed to handled`,
      value: Math.round((perWriter * WRITERS) / seconds),
      unit: 'events/s',
      // Committing alone is what the database allows; the relay and the consumer share its cores.
      baseline: { what: 'commits alone', value: Math.round((perWriter * WRITERS) / committedSeconds) },
      ratio: round(committedSeconds / seconds),
      target: { at: 'least', value: RATE_MIN[kind], of: 'value' },
      cpuSeconds: round((user + system) / 1e6, 2),
      events: perWriter * WRITERS,
    },
    {
      name: `${kind}: latency p95 at ${LATENCY_RATE}/s`,
      value: round(p95, 1),
      unit: 'ms',
      p50: round(percentile(consumer.latenciesMs, 0.5), 1),
      target: { at: 'most', value: LATENCY_MS_MAX, of: 'value' },
    },
    { name: `${kind}: idle processor time`, value: round((idle.user + idle.system) / 10 / idleMs, 2), unit: '% of a core' },
  ];
  return { figures, faults };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      scale: { type: 'string', default: 'full' },
      assert: { type: 'boolean', default: false },
      broker: { type: 'string', default: 'both' },
    },
  });
  const scale: Scale = values.scale === 'small' ? 'small' : 'full';
  const kinds = (['event-log', 'kafka'] as const).filter((kind) => values.broker === 'both' || values.broker === kind);
  const rig = await BenchRig.open();
  const kafka = kinds.includes('kafka') ? await startKafkaForTests() : undefined;
  try {
    const results: { figures: Figure[]; faults: string[] }[] = [];
    for (const kind of kinds) {
      const databaseUrl = rig.postgres.url(`bench_${kind.replace('-', '_')}`);
      const eventLogUrl = rig.postgres.url('events');
      const migrations = [...persistenceMigrations, ...messagingMigrations];
      await runMigrations({ databaseUrl, service: 'bench', migrations });
      await runMigrations({ databaseUrl: eventLogUrl, service: 'events', migrations: eventLogMigrations });
      const logger = silentLogger();
      const broker =
        kind === 'kafka'
          ? new KafkaBroker({ brokers: kafka?.brokers ?? [], service: 'bench', logger })
          : new EventLogBroker({ databaseUrl: eventLogUrl, service: 'bench', logger });
      if (kind === 'kafka') await broker.ensureTopics([{ name: TOPIC, partitions: 4, retentionDays: 1 }]);
      const joint = new Joint(databaseUrl, openPersistence({ databaseUrl, applicationName: 'bench' }), broker);
      await joint.start();
      try {
        results.push(await measure(joint, kind, scale));
      } finally {
        await joint.stop();
      }
    }
    const [figures, faults] = [results.flatMap((result) => result.figures), results.flatMap((result) => result.faults)];
    report('outbox', { scale, assert: values.assert }, figures, faults);
  } finally {
    await kafka?.stop();
    await rig.close();
  }
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
