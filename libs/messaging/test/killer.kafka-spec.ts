// SPDX-License-Identifier: Apache-2.0
import { eventually, spawnProcess, startKafkaForTests, useTestDatabase, type KilledProcess, type TestKafka } from '#libs/testing';
import type { ConsumerOrder } from './killed-consumer';
import { Moved, startRig, type Rig } from './rig';

jest.setTimeout(180_000);

const GROUP = 'spec.moves';

describe('an event on Kafka that kills every process that touches it', () => {
  const database = useTestDatabase('messaging-killer');
  let kafka: TestKafka;
  let publisher: Rig;
  const alive = new Set<KilledProcess>();

  const spawn = (): KilledProcess => {
    const order: ConsumerOrder = {
      database: database.url,
      kafka: kafka.brokers,
      handlerMs: 1,
      deadlyNumber: 4,
      sessionTimeoutMs: 2_000,
    };
    const child = spawnProcess({ file: 'libs/messaging/test/killed-consumer.ts', args: [JSON.stringify(order)] });
    alive.add(child);
    return child;
  };
  const dies = async (): Promise<void> => {
    const child = spawn();
    await eventually(() => !child.isRunning);
  };
  /** As if that many processes had died there. */
  const died = (starts: number) => database.db.query('update consumer_progress set starts = $1', [starts]);
  const place = () => database.db.query('select message_offset::int as at, starts from consumer_progress');

  beforeAll(async () => {
    kafka = await startKafkaForTests();
    await database.db.query('create table effects (seq bigint generated always as identity, event_id text, key text, n int)');
    publisher = await startRig({ database: database.url, kafka: kafka.brokers }, [], { group: 'spec.nobody' });
    await publisher.broker.ensureTopics([{ name: Moved.topic, partitions: 1, retentionDays: 1 }]);
  });
  afterAll(async () => {
    await Promise.all([...alive].map((child) => child.kill()));
    await publisher.stop();
    await kafka.stop();
  });

  it('is put aside although it is not the first one that is read', async () => {
    await publisher.publish('a', 1, 2, 3, 4, 5, 6);
    await dies();
    expect(await place()).toEqual([{ at: 0, starts: 1 }]);
    // The third start goes event by event; what it did stands on Kafka, so the next ones begin at the event that kills.
    await died(2);
    await dies();
    expect(await place()).toEqual([{ at: 3, starts: 1 }]);
    await dies();
    expect(await place()).toEqual([{ at: 3, starts: 2 }]);
    await died(7);
    const last = spawn();
    await last.said('handled 6', 30_000);
    expect((await database.db.query<{ n: number }>('select n from effects order by seq')).map(({ n }) => n)).toEqual([
      1, 2, 3, 5, 6,
    ]);
    expect(await database.db.query('select code, attempts from dead_letters where consumer = $1', [GROUP])).toEqual([
      { code: 'MESSAGING.CRASHED_CONSUMER', attempts: 8 },
    ]);
  });
});
