// SPDX-License-Identifier: Apache-2.0
// Committed state changes until their events are on the topic, on the embedded event log and on Kafka: events per second of one
// service beside the same commits while nobody sends; then how fast another service with a database of its own handles what waits
// there, each once and in order per key; the time from wanting a change to its event handled at 500 a second beside the bare broker;
// and what an idle process costs. Run: npm run bench:outbox [-- --scale small] [--broker kafka] [--assert]
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SystemClock, UuidIds } from '#libs/clock';
import { EventLogBroker, eventLogMigrations, KafkaBroker, messagingMigrations, OutboxPublisher } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { openPersistence, persistenceMigrations, runMigrations, type Persistence } from '#libs/persistence';
import { startKafkaForTests } from '#libs/testing';
import { kafkaLatencies, notifyLatencies, paced, type Rate } from './bare-round-trips';
import { BenchRig, percentile, report, round, type Figure, type Scale } from './bench-kit';
import { Joint, WRITERS, type Side } from './outbox-joint';
import { StateWriter, TOPIC } from './state-writer';

type Kind = 'kafka' | 'event-log';

const SIZES = {
  small: { events: 3_000, latencySeconds: 1, idleMs: 1_000 },
  full: { events: 60_000, latencySeconds: 10, idleMs: 10_000 },
};
const PER_TRANSACTION = 10;
const WARM_UP_TRANSACTIONS = 50;
const LATENCY_RATE = { perSecond: 500, together: 5 };
const LATENCY_MS_MAX = 100;
const RATE_MIN = { kafka: 5_000, 'event-log': 3_000 };

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

/** Events per second that the same transactions commit while no relay runs. */
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
  /** Measured when all else has ended: plain kafkajs loads its own record encoder into this process for good, which no service does. */
  latency: () => Promise<{ what: string; p95Ms: number }>;
}

interface Measured {
  figures: Figure[];
  faults: string[];
}

async function measure(joint: Joint, kind: Kind, scale: Scale, baselines: Baselines): Promise<Measured> {
  const { events, latencySeconds, idleMs } = SIZES[scale];
  const { consumer, writer } = joint;
  await joint.startHandling();
  const warm = await warmUp(writer);
  await joint.received(warm, 60);
  await joint.stopHandling();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const written = await writeAll(writer, events);
  const committedSeconds = (performance.now() - startMs) / 1000;
  await joint.sent(300);
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);

  await joint.startHandling();
  await joint.received(warm + 1, 60);
  const handledFrom = { atMs: performance.now(), count: consumer.received };
  await joint.received(warm + written, 300);
  const handledPerSecond = ((consumer.received - handledFrom.count) * 1000) / Math.max(1, performance.now() - handledFrom.atMs);

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
  await joint.stop();
  const bare = await baselines.latency();
  const figures: Figure[] = [
    {
      name: `${kind}: state change committed to event on the topic`,
      value: Math.round(rate),
      unit: 'events/s',
      baseline: { what: 'the same commits, nobody sends', value: Math.round(baselines.commitsPerSecond) },
      ratio: round(rate / baselines.commitsPerSecond),
      target: { at: 'least', value: RATE_MIN[kind], of: 'value' },
      cpuSeconds: round((user + system) / 1e6, 2),
      events: written,
      commitsMeanwhilePerSecond: Math.round(written / committedSeconds),
    },
    {
      name: `${kind}: backlog of events handled by another service`,
      value: Math.round(handledPerSecond),
      unit: 'events/s',
      absolute: 'bench:feedback compares a consumer with one that has no host',
    },
    {
      name: `${kind}: wanted to handled, p95 at ${LATENCY_RATE.perSecond}/s`,
      value: round(p95, 1),
      unit: 'ms',
      baseline: { what: bare.what, value: round(bare.p95Ms, 1) },
      ratio: round(p95 / bare.p95Ms, 1),
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
  const latency = async () =>
    kind === 'kafka'
      ? { what: 'kafkajs producer to kafkajs consumer', p95Ms: percentile(await kafkaLatencies(kafkaBrokers, rate), 0.95) }
      : { what: 'insert and NOTIFY to select', p95Ms: percentile(await notifyLatencies(eventLogUrl, rate), 0.95) };
  const logger = silentLogger();
  const broker =
    kind === 'kafka'
      ? new KafkaBroker({ brokers: kafkaBrokers, service: 'bench', logger })
      : new EventLogBroker({ databaseUrl: eventLogUrl, service: 'bench', logger });
  if (kind === 'kafka') await broker.ensureTopics([{ name: TOPIC, partitions: 4, retentionDays: 1 }]);
  const side = async (databaseUrl: string): Promise<Side> => ({ databaseUrl, persistence: await migrated(databaseUrl) });
  const joint = new Joint({
    service: await side(rig.postgres.url(name)),
    handler: await side(rig.postgres.url(`${name}_handler`)),
    broker,
  });
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
