// SPDX-License-Identifier: Apache-2.0
// Committed state changes until their events are on the embedded broker's topic, and until a handler applied them; then what an idle
// process costs. Own Postgres (fsync on) in a temporary folder. Prints one JSON line. Run: npm run bench:outbox
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SystemClock, UuidIds } from '#libs/clock';
import type { EventDefinition } from '#libs/contracts';
import { startEmbeddedPostgres } from '#libs/embedded-postgres';
import { EventConsumer, EventLogBroker, eventLogMigrations, Messaging, messagingMigrations, onBatch } from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import { openPersistence, persistenceMigrations, runMigrations, type Persistence } from '#libs/persistence';

interface Payload {
  text: string;
}

const EVENTS = 30_000;
const PER_TRANSACTION = 10;
const WRITERS = 8;
const LATENCY_EVENTS = 1_000;

const Changed: EventDefinition<Payload> = {
  type: 'millrace.bench.changed.v1',
  topic: 'registry.alias.v1',
  toJSON: (data) => data,
  fromJSON: (json) => json as Payload,
};

class BenchConsumer extends EventConsumer {
  readonly group = 'bench.events';
  override readonly batch = { sizeMax: 500 };
  received = 0;
  readonly latenciesMs: number[] = [];
  readonly handlers = [
    onBatch(Changed, async (events, tx) => {
      tx.afterCommit(() => {
        this.received += events.length;
        for (const event of events) this.latenciesMs.push(Date.now() - event.time.getTime());
      });
    }),
  ];
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  chmodSync(directory, 0o755);
  const server = await startEmbeddedPostgres({ directory });
  try {
    const databaseUrl = server.url('bench');
    await runMigrations({ databaseUrl, service: 'bench', migrations: [...persistenceMigrations, ...messagingMigrations] });
    await runMigrations({ databaseUrl: server.url('events'), service: 'events', migrations: eventLogMigrations });
    process.stdout.write(`${JSON.stringify(await measure(databaseUrl, server.url('events')))}\n`);
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(databaseUrl: string, eventLogUrl: string): Promise<Record<string, number>> {
  const logger = silentLogger();
  const clock = new SystemClock();
  const persistence = openPersistence({ databaseUrl, applicationName: 'bench' });
  const broker = new EventLogBroker({ databaseUrl: eventLogUrl, service: 'bench', logger });
  const consumer = new BenchConsumer();
  const messaging = new Messaging({
    service: 'bench',
    build: 'bench',
    databaseUrl,
    database: persistence.database,
    unitOfWork: persistence.unitOfWork,
    broker,
    clock,
    ids: new UuidIds(),
    logger,
    metrics: new Metrics('bench'),
    onFatal: (error) => {
      throw error;
    },
  });
  messaging.start([consumer]);
  await messaging.started();
  const publish = publisherOf(messaging, persistence);
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let sent = 0; sent < EVENTS / WRITERS; sent += PER_TRANSACTION) await publish(writer, PER_TRANSACTION);
    }),
  );
  const committedMs = performance.now() - startedMs;
  while (consumer.received < EVENTS) await delay(5);
  const appliedMs = performance.now() - startedMs;
  consumer.latenciesMs.length = 0;
  for (let n = 0; n < LATENCY_EVENTS; n += 1) {
    await publish(0, 1);
    await delay(2);
  }
  while (consumer.latenciesMs.length < LATENCY_EVENTS) await delay(5);
  const sorted = [...consumer.latenciesMs].sort((a, b) => a - b);
  const idle = await idleCpu(10_000);
  await messaging.stopConsumers();
  await messaging.stopRelay();
  await broker.close();
  await persistence.close();
  return {
    events: EVENTS,
    committedPerSecond: Math.round((EVENTS / committedMs) * 1_000),
    appliedPerSecond: Math.round((EVENTS / appliedMs) * 1_000),
    latencyP50Ms: sorted[Math.floor(sorted.length * 0.5)],
    latencyP95Ms: sorted[Math.floor(sorted.length * 0.95)],
    idleCpuPercentOfCore: idle,
  };
}

/** Writes `count` events in one transaction. */
function publisherOf(messaging: Messaging, persistence: Persistence) {
  return (writer: number, count: number): Promise<unknown> =>
    persistence.unitOfWork.run((tx) =>
      messaging.publisher.publishMany(
        tx,
        Changed,
        Array.from({ length: count }, (_, n) => ({
          workspace: 'bench',
          aggregateId: `${writer}-${n}`,
          aggregateVersion: 1,
          data: { text: 'x'.repeat(100) },
        })),
      ),
    );
}

/** Processor time of this process while nothing happens, in percent of one core. */
async function idleCpu(ms: number): Promise<number> {
  const before = process.cpuUsage();
  await delay(ms);
  const { user, system } = process.cpuUsage(before);
  return Math.round(((user + system) / 1_000 / ms) * 10_000) / 100;
}

void main();
