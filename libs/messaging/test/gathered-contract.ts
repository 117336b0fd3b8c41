// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';
import type { Transaction } from '#libs/persistence';
import { eventually, useTestDatabase } from '#libs/testing';
import { onRawBatch, type ReceivedEvent } from '../src';
import { startRig, type Rig } from './rig';

const SpecErrors = defineErrors('GATHERED_SPEC', { NOT_YET: { kind: 'precondition', retry: 'later', help: 'Comes later.' } });
const KEYS = Array.from({ length: 12 }, (_, n) => `key-${n}`);

export interface GatheredBroker {
  urls: { eventLog?: string; kafka?: string[] };
  /** Of six partitions, and empty. */
  topic: string;
}

/** A consumer that handles the pieces of several partitions in one transaction, on either broker. */
export function describeGathered(kind: string, fresh: () => Promise<GatheredBroker>): void {
  describe(`gathered partitions on ${kind}`, () => {
    const database = useTestDatabase('gathered-spec');
    let broker: GatheredBroker;
    let rig: Rig;
    let calls: ReceivedEvent[][];
    let fail: (event: ReceivedEvent) => Error | undefined;

    const handle = async (events: ReceivedEvent[], tx: Transaction): Promise<number> => {
      calls.push(events);
      let fresh = 0;
      for (const event of events) {
        const rows = await tx.query(
          `insert into effects (workspace, source, id, key, n) values ($1, $2, $3, $4, $5) on conflict do nothing returning 1`,
          [event.workspace, event.source, event.id, event.key, (event.data as { n: number }).n],
        );
        fresh += rows.length;
      }
      for (const event of events) {
        const error = fail(event);
        if (error) throw error;
      }
      return fresh;
    };
    const start = () =>
      startRig({ database: database.url, ...broker.urls }, [onRawBatch(broker.topic, handle, { ownsDuplicates: true })], {
        group: `spec.${broker.topic}`,
        batch: { sizeMax: 50, gatherMs: 50, partitionsConcurrentMax: 6 },
      });
    const send = (...numbers: number[]): Promise<void> =>
      rig.broker.publish(
        numbers.flatMap((n) =>
          KEYS.map((key) => ({
            topic: broker.topic,
            key,
            value: JSON.stringify({ n }),
            headers: {
              ce_specversion: '1.0',
              ce_id: `${key}-${n}`,
              ce_source: '/app',
              ce_type: 'any',
              'content-type': 'application/json',
            },
          })),
        ),
      );
    const effects = (): Promise<{ id: string }[]> => database.db.query('select id from effects order by id');
    const partitionsOf = (events: readonly ReceivedEvent[]): number => new Set(events.map(({ partition }) => partition)).size;

    beforeAll(async () => {
      await database.db.query(
        'create table effects (workspace text, source text, id text, key text, n int, primary key (workspace, source, id))',
      );
    });
    beforeEach(async () => {
      broker = await fresh();
      await database.db.query('truncate effects, inbox, dead_letters, consumer_progress');
      calls = [];
      fail = () => undefined;
      rig = await start();
    });
    afterEach(async () => {
      await rig.stop();
    });

    it('are handled together, each in its order, each event once', async () => {
      await send(1, 2, 3);
      await eventually(async () => expect(await effects()).toHaveLength(36));
      expect(Math.max(...calls.map(partitionsOf))).toBeGreaterThan(1);
      const order = new Map<string | null, number[]>();
      for (const { key, data } of calls.flat()) order.set(key, [...(order.get(key) ?? []), (data as { n: number }).n]);
      expect([...order.values()]).toEqual(KEYS.map(() => [1, 2, 3]));
    });

    it('find the culprit among them: it is put aside, all others have their effect once', async () => {
      fail = ({ id }) => (id === 'key-3-2' ? new TypeError('a bug') : undefined);
      await send(1, 2, 3);
      await eventually(async () => expect(await effects()).toHaveLength(35));
      await eventually(async () =>
        expect(await database.db.query('select event_id, state from dead_letters')).toEqual([
          { event_id: 'key-3-2', state: 'open' },
        ]),
      );
    });

    it('go on when one of them has to wait', async () => {
      let waiting = true;
      fail = ({ id }) => (waiting && id === 'key-3-1' ? SpecErrors.NOT_YET('comes later') : undefined);
      await send(1);
      const partition = (): number | undefined => calls.flat().find(({ id }) => id === 'key-3-1')?.partition;
      await eventually(async () => {
        const held = calls.flat().filter((event) => event.partition === partition());
        const heldKeys = new Set(held.map(({ key }) => key));
        expect(await effects()).toHaveLength(12 - heldKeys.size);
      });
      waiting = false;
      await eventually(async () => expect(await effects()).toHaveLength(12));
      expect(await database.db.query('select 1 from dead_letters')).toEqual([]);
    });

    const startedAtHead = (starts: number): Promise<unknown> =>
      database.db.query(
        `insert into consumer_progress (consumer, topic, partition, message_offset, starts)
       select 'spec.' || $1, $1, partition, 0, $2 from generate_series(0, 5) partition`,
        [broker.topic, starts],
      );

    it('go each by itself when the process died at their first events once', async () => {
      await startedAtHead(1);
      await send(1, 2);
      await eventually(async () => expect(await effects()).toHaveLength(24));
      expect(calls.slice(0, 2).map(partitionsOf)).toEqual([1, 1]);
      const before = calls.length;
      await send(3);
      await eventually(async () => expect(await effects()).toHaveLength(36));
      expect(Math.max(...calls.slice(before).map(partitionsOf))).toBeGreaterThan(1);
    });

    it('go event by event when the process died there again and again', async () => {
      await startedAtHead(2);
      await send(1);
      await eventually(async () => expect(await effects()).toHaveLength(12));
      expect(calls.map((events) => events.length)).toEqual(calls.map(() => 1));
    });
  });
}
