// SPDX-License-Identifier: Apache-2.0
// Committed state changes until their events were handled, on the embedded event log and on Kafka, in one process that writes, sends
// and handles: events per second beside the same commits while nobody sends or handles, order per key, latency at 500 a second beside
// the bare broker, and what an idle process costs. Run: npm run bench:outbox [-- --scale small] [--broker kafka] [--assert]
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SystemClock, UuidIds } from '#libs/clock';
import {
  EventConsumer,
  EventLogBroker,
  eventLogMigrations,
  KafkaBroker,
  Messaging,
  messagingMigrations,
  onBatch,
  OutboxPublisher,
  type Broker,
} from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import { openPersistence, persistenceMigrations, runMigrations, type Persistence } from '#libs/persistence';
import { startKafkaForTests } from '#libs/testing';
import { kafkaLatencies, notifyLatencies, paced, type Rate } from './bare-round-trips';
import { BenchRig, percentile, report, round, type Figure, type Scale } from './bench-kit';
import { Changed, StateWriter, TOPIC } from './state-writer';

type Kind = 'kafka' | 'event-log';

const SIZES = {
  small: { events: 3_000, latencySeconds: 1, idleMs: 1_000 },
  full: { events: 60_000, latencySeconds: 10, idleMs: 10_000 },
};
const PER_TRANSACTION = 10;
const WARM_UP_TRANSACTIONS = 50;
const WRITERS = 8;
const LATENCY_RATE = { perSecond: 500, together: 5 };
const LATENCY_MS_MAX = 100;
const RATE_MIN = { kafka: 5_000, 'event-log': 3_000 };

class BenchConsumer extends EventConsumer {
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

/** One service's messaging on a broker. */
class Joint {
  readonly consumer = new BenchConsumer();
  readonly writer: StateWriter;
  private readonly messaging: Messaging;

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
    this.writer = new StateWriter(persistence, this.messaging.publisher);
  }

  async start(): Promise<void> {
    await this.writer.createState(WRITERS);
    this.messaging.start([this.consumer]);
    await this.messaging.started();
  }

  async stop(): Promise<void> {
    await this.messaging.stopConsumers();
    await this.messaging.stopRelay();
    await this.broker.close();
    await this.persistence.close();
  }

  async received(count: number, secondsMax: number): Promise<void> {
    const endMs = performance.now() + secondsMax * 1000;
    while (this.consumer.received < count) {
      if (performance.now() > endMs) throw new Error(`${this.consumer.received} of ${count} events after ${secondsMax} s`);
      await delay(2);
    }
  }
}

/** Commits by all writers at once; returns how many events that were. */
async function writeAll(writer: StateWriter, events: number): Promise<number> {
  const transactions = Math.ceil(events / WRITERS / PER_TRANSACTION);
  const write = async (number: number): Promise<void> => {
    for (let n = 0; n < transactions; n += 1) await writer.commit(number, PER_TRANSACTION);
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, number) => write(number)));
  return transactions * WRITERS * PER_TRANSACTION;
}

async function warmUp(writer: StateWriter): Promise<number> {
  for (let n = 0; n < WARM_UP_TRANSACTIONS; n += 1) await writer.commit(n % WRITERS, PER_TRANSACTION);
  return WARM_UP_TRANSACTIONS * PER_TRANSACTION;
}

/** Events per second that the same transactions commit while no relay and no consumer runs. */
async function commitsAlone(databaseUrl: string, events: number): Promise<number> {
  const persistence = await migrated(databaseUrl);
  const wake = (): void => undefined;
  const publisher = new OutboxPublisher({ service: 'bench', build: 'bench', clock: new SystemClock(), ids: new UuidIds(), wake });
  const writer = new StateWriter(persistence, publisher);
  try {
    await writer.createState(WRITERS);
    await warmUp(writer);
    const startMs = performance.now();
    const written = await writeAll(writer, events);
    return (written * 1000) / (performance.now() - startMs);
  } finally {
    await persistence.close();
  }
}

interface Baselines {
  commitsPerSecond: number;
  latency: { what: string; p95Ms: number };
}

interface Measured {
  figures: Figure[];
  faults: string[];
}

async function measure(joint: Joint, kind: Kind, scale: Scale, baselines: Baselines): Promise<Measured> {
  const { events, latencySeconds, idleMs } = SIZES[scale];
  const { consumer, writer } = joint;
  const warm = await warmUp(writer);
  await joint.received(warm, 60);
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const written = await writeAll(writer, events);
  const committedSeconds = (performance.now() - startMs) / 1000;
  await joint.received(warm + written, 300);
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);

  consumer.latenciesMs.length = 0;
  const total = LATENCY_RATE.perSecond * latencySeconds;
  await paced({ ...LATENCY_RATE, seconds: latencySeconds }, (from) =>
    writer.commit((from / LATENCY_RATE.together) % WRITERS, LATENCY_RATE.together),
  );
  const all = warm + written + total;
  await joint.received(all, 60);
  const idleBefore = process.cpuUsage();
  await delay(idleMs);
  const idle = process.cpuUsage(idleBefore);
  const faults: string[] = [];
  const { changes, events: announced } = await writer.counts();
  if (changes !== all || announced !== all)
    faults.push(`${kind}: ${changes} state changes and ${announced} events in the database, ${all} committed`);
  if (consumer.received !== all) faults.push(`${kind}: ${consumer.received} events handled, ${all} committed`);
  if (consumer.outOfOrder > 0) faults.push(`${kind}: ${consumer.outOfOrder} events out of order within their key`);
  const rate = written / seconds;
  const p95 = percentile(consumer.latenciesMs, 0.95);
  const figures: Figure[] = [
    {
      name: `${kind}: state change committed to event handled`,
      value: Math.round(rate),
      unit: 'events/s',
      baseline: { what: 'the same commits, nobody sends or handles', value: Math.round(baselines.commitsPerSecond) },
      ratio: round(rate / baselines.commitsPerSecond),
      target: { at: 'least', value: RATE_MIN[kind], of: 'value' },
      cpuSeconds: round((user + system) / 1e6, 2),
      events: written,
      commitsMeanwhilePerSecond: Math.round(written / committedSeconds),
    },
    {
      name: `${kind}: latency p95 at ${LATENCY_RATE.perSecond}/s`,
      value: round(p95, 1),
      unit: 'ms',
      baseline: { what: baselines.latency.what, value: round(baselines.latency.p95Ms, 1) },
      ratio: round(p95 / baselines.latency.p95Ms, 1),
      p50: round(percentile(consumer.latenciesMs, 0.5), 1),
      target: { at: 'most', value: LATENCY_MS_MAX, of: 'value' },
    },
    {
      name: `${kind}: idle processor time of this process`,
      value: round((idle.user + idle.system) / 10 / idleMs, 2),
      unit: '% of a core',
      absolute: 'a process that does nothing would be the baseline, and costs nothing',
    },
  ];
  return { figures, faults };
}

async function migrated(databaseUrl: string): Promise<Persistence> {
  const migrations = [...persistenceMigrations, ...messagingMigrations];
  await runMigrations({ databaseUrl, service: 'bench', migrations });
  return openPersistence({ databaseUrl, applicationName: 'bench' });
}

async function measureKind(rig: BenchRig, kind: Kind, scale: Scale, kafkaBrokers: string[]): Promise<Measured> {
  const name = `bench_${kind.replace('-', '_')}`;
  const rate: Rate = { ...LATENCY_RATE, seconds: SIZES[scale].latencySeconds };
  const eventLogUrl = rig.postgres.url('events');
  await runMigrations({ databaseUrl: eventLogUrl, service: 'events', migrations: eventLogMigrations });
  const commitsPerSecond = await commitsAlone(rig.postgres.url(`${name}_alone`), SIZES[scale].events);
  const latency =
    kind === 'kafka'
      ? { what: 'kafkajs producer to kafkajs consumer', p95Ms: percentile(await kafkaLatencies(kafkaBrokers, rate), 0.95) }
      : { what: 'insert and NOTIFY to select', p95Ms: percentile(await notifyLatencies(eventLogUrl, rate), 0.95) };
  const logger = silentLogger();
  const broker =
    kind === 'kafka'
      ? new KafkaBroker({ brokers: kafkaBrokers, service: 'bench', logger })
      : new EventLogBroker({ databaseUrl: eventLogUrl, service: 'bench', logger });
  if (kind === 'kafka') await broker.ensureTopics([{ name: TOPIC, partitions: 4, retentionDays: 1 }]);
  const databaseUrl = rig.postgres.url(name);
  const joint = new Joint(databaseUrl, await migrated(databaseUrl), broker);
  await joint.start();
  try {
    return await measure(joint, kind, scale, { commitsPerSecond, latency });
  } finally {
    await joint.stop();
  }
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
    const results: Measured[] = [];
    for (const kind of kinds) results.push(await measureKind(rig, kind, scale, kafka?.brokers ?? []));
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
