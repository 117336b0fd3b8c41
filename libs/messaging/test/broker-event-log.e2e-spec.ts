// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { silentLogger } from '#libs/observability';
import { openPersistence, runMigrations } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { EventLogBroker, eventLogMigrations } from '../src';
import { describeBroker } from './broker-contract';

jest.setTimeout(90_000);

const LEASE_MS = 1_500;

// A server of its own, as durable as in production: the contract crashes it.
let server: EmbeddedPostgres;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-event-log-spec-'));
  chmodSync(directory, 0o755);
  server = await startEmbeddedPostgres({ directory });
  await runMigrations({ databaseUrl: server.url('events'), service: 'event-log', migrations: eventLogMigrations });
});
afterAll(async () => {
  await server.stop({ mode: 'immediate' });
  rmSync(directory, { recursive: true, force: true });
});

const options = () => ({ databaseUrl: server.url('events'), service: 'spec', leaseMs: LEASE_MS, heartbeatMs: 300, pollMs: 500 });

describeBroker('event log in PostgreSQL', () => ({
  connect: async () => {
    const broker = new EventLogBroker({ ...options(), logger: silentLogger() });
    await broker.start();
    return broker;
  },
  victim: { kind: 'event-log', options: options() },
  restartServer: async () => {
    const { port } = server;
    await server.stop({ mode: 'immediate' });
    server = await startEmbeddedPostgres({ directory, port });
  },
  takeoverMs: LEASE_MS,
}));

/** Subscribes to a topic; what comes is added to the list. */
async function valuesOf(broker: EventLogBroker, topic: string): Promise<string[]> {
  const seen: string[] = [];
  await broker.subscribe({
    group: topic,
    topics: [topic],
    batchSizeMax: 10,
    partitionsConcurrentMax: 1,
    onFatal: () => undefined,
    onBatch: async ({ messages }) => {
      seen.push(...messages.map(({ value }) => String(value)));
      return { processed: messages.length };
    },
  });
  return seen;
}

it('reads the log again from its start, loudly, when it became shorter than what was read', async () => {
  const broker = new EventLogBroker({ ...options(), logger: silentLogger() });
  await broker.start();
  const admin = openPersistence({ databaseUrl: server.url('events'), applicationName: 'spec' });
  try {
    await broker.ensureTopics([{ name: 'short.v1', partitions: 1, retentionDays: 1 }]);
    const seen = await valuesOf(broker, 'short.v1');
    const send = (value: string) => broker.publish([{ topic: 'short.v1', key: 'k', value, headers: {} }]);
    for (const value of ['1', '2', '3']) await send(value);
    await eventually(() => seen.length === 3);
    await admin.unitOfWork.run(async (tx) => {
      const topic = '(select id from topics where name = $1)';
      await tx.query(`delete from messages where topic_id = ${topic} and message_offset >= 1`, ['short.v1']);
      await tx.query(`update partitions set next_offset = 1 where topic_id = ${topic}`, ['short.v1']);
    });
    await eventually(() => seen.length >= 4);
    await send('4');
    await eventually(() => seen.at(-1) === '4');
    expect(seen).toEqual(['1', '2', '3', '1', '4']);
  } finally {
    await Promise.all([broker.close(), admin.close()]);
  }
});

it('finds what was written without a notice', async () => {
  const broker = new EventLogBroker({ ...options(), logger: silentLogger() });
  await broker.start();
  const admin = openPersistence({ databaseUrl: server.url('events'), applicationName: 'spec' });
  try {
    await broker.ensureTopics([{ name: 'unheard.v1', partitions: 2, retentionDays: 1 }]);
    const seen = await valuesOf(broker, 'unheard.v1');
    // Idle first, so that no reader happens to look while this is written.
    await delay(100);
    await admin.unitOfWork.run(async (tx) => {
      const place = "(select id from topics where name = 'unheard.v1'), 1";
      await tx.query(
        `insert into messages (topic_id, partition, message_offset, key, headers, value) values (${place}, 0, 'k', '{}', 'found')`,
      );
      await tx.query('update partitions set next_offset = 1 where (topic_id, partition) = (' + place + ')');
    });
    await eventually(() => seen.length === 1);
    expect(seen).toEqual(['found']);
  } finally {
    await Promise.all([broker.close(), admin.close()]);
  }
});
