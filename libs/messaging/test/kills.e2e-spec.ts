// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';
import { eventually, spawnProcess, useTestDatabase, type KilledProcess } from '#libs/testing';
import type { ConsumerOrder } from './killed-consumer';
import { startRig, type Rig } from './rig';
import { useEventLog } from './use-event-log';

jest.setTimeout(120_000);

const KEYS = ['a', 'b', 'c', 'd'];

describe('processes that are killed', () => {
  const database = useTestDatabase('messaging-kills');
  let publisher: Rig;
  const alive = new Set<KilledProcess>();
  const eventLog = useEventLog(async () => {
    await Promise.all([...alive].map((child) => child.kill()));
    alive.clear();
    await publisher.stop();
  });

  const spawnConsumer = async (order: Partial<ConsumerOrder> = {}): Promise<KilledProcess> => {
    const full: ConsumerOrder = { database: database.url, eventLog: eventLog.url, handlerMs: 5, ...order };
    const child = spawnProcess({ file: 'libs/messaging/test/killed-consumer.ts', args: [JSON.stringify(full)] });
    alive.add(child);
    return child;
  };
  const effects = () => database.db.query<{ key: string; n: number }>('select key, n from effects order by seq');

  beforeAll(async () => {
    await database.db.query('create table effects (seq bigint generated always as identity, event_id text, key text, n int)');
  });
  beforeEach(async () => {
    await database.db.query('truncate effects, outbox, inbox, dead_letters, consumer_progress');
    publisher = await startRig({ database: database.url, eventLog: eventLog.url }, [], { group: 'spec.nobody' });
  });

  it('lose nothing, double nothing and keep the order, whenever SIGKILL comes', async () => {
    const seed = 20261123;
    const random = seededRandom(seed);
    const count = 60;
    for (let n = 1; n <= count; n += 1) await Promise.all(KEYS.map((key) => publisher.publish(key, n)));
    for (let kills = 0; kills < 4; kills += 1) {
      const victim = await spawnConsumer();
      const goal = (await effects()).length + 1 + Math.floor(random() * 40);
      await eventually(async () => (await effects()).length >= Math.min(goal, count * KEYS.length), {
        timeoutMs: 30_000,
        intervalMs: 5,
      });
      await victim.kill();
    }
    const last = await spawnConsumer();
    await eventually(async () => expect(await effects()).toHaveLength(count * KEYS.length), {
      timeoutMs: 60_000,
      intervalMs: 100,
    });
    expect(await last.stop()).toBe(0);
    const rows = await effects();
    for (const key of KEYS) {
      expect({ seed, key, numbers: rows.filter((row) => row.key === key).map(({ n }) => n) }).toEqual({
        seed,
        key,
        numbers: Array.from({ length: count }, (_, index) => index + 1),
      });
    }
    expect(await database.db.query('select 1 from dead_letters')).toEqual([]);
  });

  it('hand over to a second process of the same group when frozen, and what the frozen one writes late has no effect', async () => {
    const frozen = await spawnConsumer({ handlerMs: 300 });
    await frozen.said('ready');
    for (const key of KEYS) await publisher.publish(key, 1, 2);
    await frozen.said('handled');
    frozen.signal('SIGSTOP');
    await spawnConsumer({ handlerMs: 1 });
    // The frozen one holds row locks of its open transaction until Postgres ends it or it wakes: so it wakes, late.
    await eventually(async () => (await effects()).length >= 4);
    frozen.signal('SIGCONT');
    await eventually(async () => expect(await effects()).toHaveLength(8));
    for (const key of KEYS) expect((await effects()).filter((row) => row.key === key).map(({ n }) => n)).toEqual([1, 2]);
  });

  it('put an event aside that kills every process that touches it', async () => {
    await publisher.publish('a', 1, 2, 3);
    // Six deaths are on record; the next start takes one event at a time, the one after gives the message up.
    const first = await spawnConsumer({ deadlyNumber: 1 });
    await eventually(() => !first.isRunning);
    await database.db.query('update consumer_progress set starts = 6');
    const second = await spawnConsumer({ deadlyNumber: 1 });
    await eventually(() => !second.isRunning);
    const third = await spawnConsumer({ deadlyNumber: 1 });
    await third.said('handled 3');
    expect((await effects()).map(({ n }) => n)).toEqual([2, 3]);
    expect(await database.db.query('select code, attempts from dead_letters')).toEqual([
      { code: 'MESSAGING.CRASHED_CONSUMER', attempts: 8 },
    ]);
  });

  it('put aside only the event that kills, not what other partitions had in hand at each death', async () => {
    // One by one: two of the keys share a partition, and the one that kills must be the first of its own.
    for (const [index, key] of KEYS.entries()) await publisher.publish(key, index + 1);
    // What does not kill takes its time: each death finds it in the middle of its work.
    const order = { deadlyNumber: 1, deadlyDelayMs: 1_000, handlerMs: 3_000 };
    const dies = async (): Promise<void> => {
      const child = await spawnConsumer(order);
      await eventually(() => !child.isRunning);
    };
    await dies();
    await dies();
    await database.db.query('update consumer_progress set starts = starts + 4 where starts > 0'); // as if it had been six
    await dies();
    await spawnConsumer(order);
    await eventually(async () =>
      expect(await database.db.query('select code, attempts from dead_letters')).toEqual([
        { code: 'MESSAGING.CRASHED_CONSUMER', attempts: 8 },
      ]),
    );
    // Some of them may have had their turn before the one that kills.
    await eventually(async () => expect((await effects()).map(({ n }) => n).sort()).toEqual([2, 3, 4]));
    expect(await database.db.query('select 1 from dead_letters')).toHaveLength(1);
  });

  it('leave a dead letter open, for whoever lists, replays or drops it, when its replay kills them; the next one lives', async () => {
    const letters = () => database.db.query('select code, state, attempts, message from dead_letters');
    const { deadLetters } = publisher.messaging;
    await publisher.publish('a', 1);
    const killed = await spawnConsumer({ deadlyNumber: 1 });
    await eventually(() => !killed.isRunning);
    await database.db.query('update consumer_progress set starts = 7');
    const replays = await spawnConsumer({ deadlyNumber: 1 });
    await eventually(async () => expect(await letters()).toMatchObject([{ code: 'MESSAGING.CRASHED_CONSUMER', state: 'open' }]));
    expect(await deadLetters.replay({ code: 'MESSAGING.CRASHED_CONSUMER' })).toBe(1);
    await eventually(() => !replays.isRunning);
    expect(await letters()).toEqual([
      {
        code: 'MESSAGING.REPLAY_INTERRUPTED',
        state: 'open',
        attempts: 9,
        message: expect.stringMatching(/process died.*MESSAGING\.CRASHED_CONSUMER: the process died 7 times at this message$/s),
      },
    ]);

    const next = await spawnConsumer({ deadlyNumber: 1 });
    await publisher.publish('a', 2);
    await next.said('handled 2');
    expect(next.isRunning).toBe(true);
    await next.stop();
    const repaired = await spawnConsumer();
    expect(await deadLetters.replay({ code: 'MESSAGING.REPLAY_INTERRUPTED' })).toBe(1);
    await repaired.said('handled 1');
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'replayed' }]));
    expect((await effects()).map(({ n }) => n)).toEqual([2, 1]);
  });

  it('stop in order on SIGTERM while events are in hand: exit 0, nothing half done', async () => {
    const child = await spawnConsumer({ handlerMs: 50 });
    await child.said('ready');
    await publisher.publish('a', ...Array.from({ length: 40 }, (_, n) => n + 1));
    await child.said('handled 2');
    expect(await child.stop(15_000)).toBe(0);
    const done = (await effects()).length;
    expect(done).toBeGreaterThan(0);
    await spawnConsumer();
    await eventually(async () => expect(await effects()).toHaveLength(40));
  });
});
