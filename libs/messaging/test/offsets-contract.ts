// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '#libs/testing';
import type { Broker, GroupOffsets, IncomingMessage, Subscription } from '../src';

export interface OffsetsFixture {
  connect(): Promise<Broker>;
  offsets(): GroupOffsets;
  /** Whether members that are alive may stay while their group is moved. */
  movesLiveGroups: boolean;
}

/** What the operators' tool relies on; both brokers must pass it. */
export function describeGroupOffsets(name: string, fixture: () => OffsetsFixture): void {
  describe(`positions of groups: ${name}`, () => {
    let broker: Broker;
    let offsets: GroupOffsets;
    let topic: string;
    let group: string;

    const send = (value: string): Promise<void> => broker.publish([{ topic, key: 'k', value, headers: {} }]);
    const read = async (): Promise<{ seen: string[]; subscription: Subscription }> => {
      const seen: string[] = [];
      const subscription = await broker.subscribe({
        group,
        topics: [topic],
        batchSizeMax: 10,
        partitionsConcurrentMax: 2,
        onFatal: (error) => seen.push(`fatal ${String(error)}`),
        onBatch: async ({ messages }) => {
          seen.push(...messages.map((message: IncomingMessage) => String(message.value)));
          return { processed: messages.length };
        },
      });
      return { seen, subscription };
    };
    const lag = async (): Promise<number> =>
      (await offsets.positions(group, [topic])).reduce((sum, position) => sum + position.lag, 0);

    beforeEach(async () => {
      const id = randomUUID().slice(0, 8);
      topic = `offsets.${id}.v1`;
      group = `offsets.${id}`;
      broker = await fixture().connect();
      offsets = fixture().offsets();
      await broker.ensureTopics([{ name: topic, partitions: 2, retentionDays: 1 }]);
    });
    afterEach(async () => {
      await offsets.close();
      await broker.close();
    });

    it('tells what waits, moves to a time and to an offset, and the group reads on from there', async () => {
      for (const value of ['a', 'b']) await send(value);
      await delay(20); // times have whole milliseconds on Kafka
      const middle = new Date();
      await delay(20);
      for (const value of ['c', 'd']) await send(value);
      expect(await lag()).toBe(4);
      expect(await offsets.members(group)).toBe(0);

      const first = await read();
      await eventually(async () => first.seen.length === 4 && (await lag()) === 0, { timeoutMs: 40_000 });
      expect(await offsets.members(group)).toBe(1);
      await first.subscription.stop();
      await eventually(async () => (await offsets.members(group)) === 0, { timeoutMs: 20_000 });

      const at = await offsets.offsetsAt(topic, middle);
      await offsets.move(
        group,
        [...at].map(([partition, offset]) => ({ topic, partition, offset })),
      );
      expect(await lag()).toBe(2);
      const second = await read();
      await eventually(() => second.seen.length >= 2, { timeoutMs: 40_000 });
      expect(second.seen).toEqual(['c', 'd']);
      await eventually(async () => (await lag()) === 0, { timeoutMs: 20_000 });
      await second.subscription.stop();

      const used = (await offsets.positions(group, [topic])).find(({ end }) => end !== '0')!;
      await eventually(async () => (await offsets.members(group)) === 0, { timeoutMs: 20_000 });
      await offsets.move(group, [{ topic, partition: used.partition, offset: '3' }]);
      const third = await read();
      await eventually(() => third.seen.length >= 1, { timeoutMs: 40_000 });
      expect(third.seen).toEqual(['d']);
      await third.subscription.stop();
    });

    it('moves a group that reads, or says that it must stop first', async () => {
      for (const value of ['a', 'b', 'c']) await send(value);
      const reader = await read();
      await eventually(async () => reader.seen.length === 3 && (await lag()) === 0, { timeoutMs: 40_000 });
      const all = (await offsets.positions(group, [topic])).map(({ partition, start: offset }) => ({ topic, partition, offset }));
      if (fixture().movesLiveGroups) {
        await offsets.move(group, all);
        await eventually(() => reader.seen.length === 6, { timeoutMs: 40_000 });
        expect(reader.seen.slice(3)).toEqual(['a', 'b', 'c']);
      } else {
        await expect(offsets.move(group, all)).rejects.toMatchObject({ code: 'MESSAGING.GROUP_IN_USE' });
        expect(await lag()).toBe(0);
      }
      await reader.subscription.stop();
    });

    it('names a topic that does not exist', async () => {
      await expect(offsets.positions(group, ['no.such.topic.v1'])).rejects.toMatchObject({ code: 'MESSAGING.UNKNOWN_TOPIC' });
      await expect(offsets.offsetsAt('no.such.topic.v1', new Date())).rejects.toMatchObject({ code: 'MESSAGING.UNKNOWN_TOPIC' });
    });
  });
}
