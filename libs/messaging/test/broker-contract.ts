// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { eventually, spawnProcess } from '#libs/testing';
import type { BatchOutcome, Broker, IncomingMessage, MessageBatch, OutgoingMessage, Subscription } from '../src';
import type { VictimOrder } from './victim';

/** What a broker adapter brings to the suite. */
export interface BrokerFixture {
  /** A started broker client of its own, as another process would have. */
  connect(): Promise<Broker>;
  /** How a victim process connects; it is killed while it holds messages. */
  victim: Pick<VictimOrder, 'kind' | 'options'>;
  /** Stops and starts the server with its data; undefined when the suite may not. */
  restartServer?(): Promise<void>;
  /** Longest time until a killed member's partitions are handed over. */
  takeoverMs: number;
}

interface Reader {
  subscription: Subscription;
  seen: IncomingMessage[];
  fatal: unknown[];
}

const text = (message: IncomingMessage): string => message.value?.toString() ?? '<null>';
const all = (batch: MessageBatch): BatchOutcome => ({ processed: batch.messages.length });

/** The behaviour that everything above the Broker port relies on; every adapter must pass all of it. */
export function describeBroker(name: string, fixture: () => BrokerFixture): void {
  describe(`broker contract: ${name}`, () => {
    const open: Broker[] = [];
    let topic: string;
    let group: string;
    let broker: Broker;

    const connect = async (): Promise<Broker> => {
      const client = await fixture().connect();
      open.push(client);
      return client;
    };
    const send = (values: string[], key: string | null = 'k', on = topic): Promise<void> =>
      broker.publish(values.map((value): OutgoingMessage => ({ topic: on, key, value, headers: { n: value } })));
    const read = async (
      client: Broker,
      handle: (batch: MessageBatch) => BatchOutcome | Promise<BatchOutcome> = all,
      extra: { batchSizeMax?: number; partitionsConcurrentMax?: number } = {},
    ): Promise<Reader> => {
      const reader: Omit<Reader, 'subscription'> = { seen: [], fatal: [] };
      const subscribe = (): Promise<Subscription> =>
        client.subscribe({
          group,
          topics: [topic],
          batchSizeMax: extra.batchSizeMax ?? 100,
          partitionsConcurrentMax: extra.partitionsConcurrentMax ?? 4,
          onFatal: (error) => reader.fatal.push(error),
          onBatch: async (batch) => {
            const outcome = await handle(batch);
            reader.seen.push(...batch.messages.slice(0, outcome.processed));
            return outcome;
          },
        });
      // As a service does: a broker that has just started may still load its groups.
      const subscription = await eventually(subscribe);
      return { ...reader, subscription };
    };

    beforeEach(async () => {
      const id = randomUUID().slice(0, 8);
      topic = `contract.${id}.v1`;
      group = `contract.${id}`;
      broker = await connect();
      await broker.ensureTopics([{ name: topic, partitions: 4, retentionDays: 1 }]);
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((client) => client.close()));
    });

    it('delivers key, value, headers and time, also null ones, from the beginning of the topic', async () => {
      await broker.publish([
        { topic, key: 'ключ', value: Buffer.from([0, 255, 1]), headers: { ce_id: 'é', empty: '' } },
        { topic, key: 'ключ', value: null, headers: {} },
        { topic, key: null, value: '{"a":1}', headers: {} },
      ]);
      const { seen } = await read(broker);
      await eventually(() => seen.length === 3, { timeoutMs: 20_000 });
      const [first, second] = seen.filter((message) => message.key === 'ключ');
      expect(first).toMatchObject({ topic, value: Buffer.from([0, 255, 1]), headers: { ce_id: 'é', empty: '' } });
      expect(second).toMatchObject({ value: null, partition: first?.partition });
      expect(seen.find((message) => message.key === null)).toMatchObject({ value: Buffer.from('{"a":1}') });
      expect(Math.abs(Date.now() - (first?.time.getTime() ?? 0))).toBeLessThan(60_000);
    });

    it('keeps the order of each key, with two senders and several partitions', async () => {
      const other = await connect();
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      const { seen } = await read(broker);
      for (let round = 0; round < 20; round += 1) {
        await Promise.all(
          keys.map((key, index) =>
            (index % 2 === 0 ? broker : other).publish([
              { topic, key, value: String(2 * round), headers: {} },
              { topic, key, value: String(2 * round + 1), headers: {} },
            ]),
          ),
        );
      }
      await eventually(() => seen.length >= keys.length * 40, { timeoutMs: 30_000 });
      for (const key of keys) {
        const values = seen.filter((message) => message.key === key).map((message) => Number(text(message)));
        expect(values).toEqual(Array.from({ length: 40 }, (_, index) => index));
      }
      expect(new Set(seen.map((message) => message.partition)).size).toBeGreaterThan(1);
    });

    it('gives offsets that rise within a partition, and hands out no more than the batch size', async () => {
      const sizes: number[] = [];
      await send(Array.from({ length: 50 }, (_, index) => String(index)));
      const { seen } = await read(
        broker,
        (batch) => {
          sizes.push(batch.messages.length);
          return all(batch);
        },
        { batchSizeMax: 7 },
      );
      await eventually(() => seen.length === 50, { timeoutMs: 20_000 });
      const offsets = seen.map((message) => BigInt(message.offset));
      expect(offsets.every((offset, index) => index === 0 || offset > offsets[index - 1])).toBe(true);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(7);
    });

    it('goes on after the committed offset when a member stops and another starts', async () => {
      await send(['1', '2', '3']);
      const first = await read(broker);
      await eventually(() => first.seen.length === 3, { timeoutMs: 20_000 });
      await first.subscription.stop();
      expect(first.subscription.assignment()).toEqual([]);
      await send(['4', '5']);
      const second = await read(await connect());
      await eventually(() => second.seen.length >= 2, { timeoutMs: 20_000 });
      expect(second.seen.map(text)).toEqual(['4', '5']);
      await eventually(async () => expect((await broker.lag(group)).reduce((sum, { lag }) => sum + lag, 0)).toBe(0));
    });

    it('counts what a group has not read', async () => {
      await send(['1', '2', '3']);
      const reader = await read(broker, (batch) => (batch.messages.length > 0 ? { processed: 1, pauseMs: 60_000 } : all(batch)));
      await eventually(() => reader.seen.length === 1, { timeoutMs: 20_000 });
      await eventually(async () => expect((await broker.lag(group)).reduce((sum, { lag }) => sum + lag, 0)).toBe(2));
    });

    it('delivers again what was not processed, after the pause, in order', async () => {
      await send(['1', '2', '3', '4']);
      let calls = 0;
      const started = performance.now();
      const { seen } = await read(broker, (batch) => {
        calls += 1;
        return calls === 1 ? { processed: 2, pauseMs: 400 } : all(batch);
      });
      await eventually(() => seen.length === 4, { timeoutMs: 20_000 });
      expect(seen.map(text)).toEqual(['1', '2', '3', '4']);
      expect(calls).toBe(2);
      expect(performance.now() - started).toBeGreaterThan(400);
    });

    it('holds only the partition that asked for it', async () => {
      const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);
      await Promise.all(keys.map((key) => send(['x'], key)));
      let held: number | undefined;
      const { seen } = await read(broker, (batch) => {
        held ??= batch.partition;
        return batch.partition === held ? { processed: 0, pauseMs: 60_000 } : all(batch);
      });
      await eventually(() => new Set(seen.map((message) => message.partition)).size >= 2, { timeoutMs: 20_000 });
      expect(seen.some((message) => message.partition === held)).toBe(false);
    });

    it('shares partitions between two members and hands over without losing or repeating when one stops', async () => {
      const first = await read(broker);
      const second = await read(await connect());
      await eventually(
        () => {
          expect([...first.subscription.assignment(), ...second.subscription.assignment()].sort()).toEqual(
            [0, 1, 2, 3].map((partition) => `${topic}/${partition}`),
          );
          expect(first.subscription.assignment()).toHaveLength(2);
        },
        { timeoutMs: 20_000 },
      );
      const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`);
      for (const key of keys) await send(['1', '2'], key);
      await eventually(() => first.seen.length + second.seen.length === 16, { timeoutMs: 20_000 });
      expect(first.seen.length).toBeGreaterThan(0);
      expect(second.seen.length).toBeGreaterThan(0);
      await second.subscription.stop();
      for (const key of keys) await send(['3'], key);
      await eventually(() => first.seen.length + second.seen.length === 24, { timeoutMs: 20_000 });
      await eventually(() => expect(first.subscription.assignment()).toHaveLength(4), { timeoutMs: 20_000 });
      for (const key of keys) {
        const values = [...second.seen, ...first.seen].filter((message) => message.key === key).map(text);
        expect([...values].sort()).toEqual(['1', '2', '3']);
        expect(values.at(-1)).toBe('3');
      }
    });

    it('hands the partitions of a killed member over, with what it had not committed', async () => {
      const order: VictimOrder = { ...fixture().victim, group, topic };
      const victim = spawnProcess({ file: 'libs/messaging/test/victim.ts', args: [JSON.stringify(order)] });
      try {
        await victim.said('owns');
        await send(['1', '2', '3']);
        await victim.said('stuck at');
      } finally {
        await victim.kill();
      }
      const heir = await read(broker);
      await eventually(() => expect(heir.seen.map(text)).toEqual(['1', '2', '3']), { timeoutMs: fixture().takeoverMs + 20_000 });
    });

    it('lets a slow reader be slow: one batch per partition at a time, nothing piles up', async () => {
      let running = 0;
      let runningMost = 0;
      const keys = Array.from({ length: 16 }, (_, index) => `key-${index}`);
      for (const key of keys) await send(['1', '2', '3', '4', '5'], key);
      const { seen } = await read(
        broker,
        async (batch) => {
          running += 1;
          runningMost = Math.max(runningMost, running);
          await eventually(() => true, { intervalMs: 1 });
          running -= 1;
          return all(batch);
        },
        { partitionsConcurrentMax: 2, batchSizeMax: 3 },
      );
      await eventually(() => seen.length === 80, { timeoutMs: 30_000 });
      expect(runningMost).toBeLessThanOrEqual(2);
    });

    it('pauses, and goes on, when the handler breaks its promise and throws', async () => {
      await send(['1']);
      let calls = 0;
      const { seen, fatal } = await read(broker, (batch) => {
        calls += 1;
        if (calls === 1) throw new TypeError('a bug');
        return all(batch);
      });
      await eventually(() => seen.length === 1, { timeoutMs: 20_000 });
      expect(fatal).toEqual([]);
    });

    it('survives a storm: everything again from the start for a new group, while the first goes on', async () => {
      const values = Array.from({ length: 300 }, (_, index) => String(index));
      await send(values);
      const first = await read(broker);
      await eventually(() => first.seen.length === 300, { timeoutMs: 20_000 });
      group = `${group}-again`;
      const again = await read(broker);
      await eventually(() => again.seen.length === 300, { timeoutMs: 20_000 });
      expect(again.seen.map(text)).toEqual(values);
      await send(['last']);
      await eventually(() => first.seen.length === 301 && again.seen.length === 301, { timeoutMs: 20_000 });
    });

    it('names a topic that does not exist, for sending and for reading, and refuses to change partitions', async () => {
      await expect(send(['x'], 'k', 'nowhere.v1')).rejects.toMatchObject({ code: 'MESSAGING.UNKNOWN_TOPIC' });
      await expect(
        broker.subscribe({
          group,
          topics: ['nowhere.v1'],
          batchSizeMax: 1,
          partitionsConcurrentMax: 1,
          onBatch: async () => ({ processed: 0 }),
          onFatal: () => undefined,
        }),
      ).rejects.toMatchObject({ code: 'MESSAGING.UNKNOWN_TOPIC' });
      await expect(broker.ensureTopics([{ name: topic, partitions: 8, retentionDays: 1 }])).rejects.toThrow(/partitions/);
      await broker.ensureTopics([{ name: topic, partitions: 4, retentionDays: 2 }]);
    });

    it('loses nothing when the server restarts, and readers go on by themselves', async () => {
      const { restartServer } = fixture();
      if (!restartServer) throw new Error('this adapter brings no server to restart');
      const { seen, fatal } = await read(broker);
      await send(['1', '2']);
      await eventually(() => seen.length === 2, { timeoutMs: 20_000 });
      await restartServer();
      await eventually(() => send(['3']), { timeoutMs: 60_000, intervalMs: 200 });
      await eventually(() => expect(seen.map(text)).toEqual(expect.arrayContaining(['1', '2', '3'])), { timeoutMs: 60_000 });
      expect(fatal).toEqual([]);
    });
  });
}
