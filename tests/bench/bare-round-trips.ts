// SPDX-License-Identifier: Apache-2.0
// What latencies are compared with: the same rate through the bare broker, without outbox, relay, inbox or handler.
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { Client } from 'pg';

export interface Rate {
  perSecond: number;
  seconds: number;
  /** Events that are sent at a time. */
  together: number;
}

const TEXT = 'x'.repeat(300);

/** Calls `send` at a steady rate, whether or not earlier calls have ended, and waits for all of them. */
export async function paced({ perSecond, seconds, together }: Rate, send: (from: number) => Promise<unknown>): Promise<void> {
  const sending: Promise<unknown>[] = [];
  const startMs = performance.now();
  for (let n = 0; n < perSecond * seconds; n += together) {
    sending.push(send(n));
    const aheadMs = ((n + together) * 1000) / perSecond - (performance.now() - startMs);
    if (aheadMs > 0) await delay(aheadMs);
  }
  await Promise.all(sending);
}

/** Milliseconds from send to receipt of each number; `receive` may see a number more than once. */
class Stopwatch {
  readonly latenciesMs: number[] = [];
  private readonly sentMs = new Map<number, number>();

  sent(from: number, count: number): number[] {
    const numbers = Array.from({ length: count }, (_, n) => from + n);
    for (const number of numbers) this.sentMs.set(number, performance.now());
    return numbers;
  }

  received(number: number): void {
    const sentMs = this.sentMs.get(number);
    if (sentMs === undefined) return;
    this.sentMs.delete(number);
    this.latenciesMs.push(performance.now() - sentMs);
  }

  async complete(secondsMax: number): Promise<number[]> {
    const endMs = performance.now() + secondsMax * 1000;
    while (this.sentMs.size > 0) {
      if (performance.now() > endMs) throw new Error(`${this.sentMs.size} events did not come back within ${secondsMax} s`);
      await delay(5);
    }
    return this.latenciesMs;
  }
}

/** Insert with NOTIFY on one connection; another one listens and selects what is new. */
export async function notifyLatencies(databaseUrl: string, rate: Rate): Promise<number[]> {
  const [writer, listener] = [new Client({ connectionString: databaseUrl }), new Client({ connectionString: databaseUrl })];
  const watch = new Stopwatch();
  let last = 0;
  let reading = Promise.resolve();
  let writing: Promise<unknown> = Promise.resolve();
  const read = async (): Promise<void> => {
    const { rows } = await listener.query<{ position: string; n: number }>(
      'select position, n from bare_events where position > $1 order by position',
      [last],
    );
    for (const { position, n } of rows) {
      last = Number(position);
      watch.received(n);
    }
  };
  try {
    await writer.connect();
    await listener.connect();
    await writer.query(
      `create table bare_events (position bigint generated always as identity primary key, n integer not null, content text not null)`,
    );
    listener.on('notification', () => (reading = reading.then(read)));
    await listener.query('listen bare_events');
    await paced(rate, (from) => {
      const numbers = watch.sent(from, rate.together);
      writing = writing.then(() =>
        writer.query(
          `with made as (insert into bare_events (n, content) select n, $2 from unnest($1::int[]) n returning position)
           select pg_notify('bare_events', max(position)::text) from made`,
          [numbers, TEXT],
        ),
      );
      return writing;
    });
    return await watch.complete(60);
  } finally {
    await reading;
    await writer.end();
    await listener.end();
  }
}

/** kafkajs producer to kafkajs consumer, acknowledged by all replicas. */
export async function kafkaLatencies(brokers: string[], rate: Rate): Promise<number[]> {
  const topic = 'bare.events';
  const client = new Kafka({ clientId: 'bench-bare', brokers, logLevel: logLevel.NOTHING });
  const admin = client.admin();
  const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  const consumer = client.consumer({ groupId: 'bench.bare', maxWaitTimeInMs: 500 });
  const watch = new Stopwatch();
  const send = (numbers: number[]): Promise<unknown> =>
    producer.send({ topic, acks: -1, messages: numbers.map((n) => ({ key: String(n), value: `${n} ${TEXT}` })) });
  try {
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });
    await producer.connect();
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      partitionsConsumedConcurrently: 4,
      eachBatch: async ({ batch }) => {
        for (const { value } of batch.messages) watch.received(Number(value?.toString().split(' ')[0]));
      },
    });
    // The first ones wait until the group has formed.
    await send(watch.sent(-100, 100));
    await watch.complete(60);
    watch.latenciesMs.length = 0;
    await paced(rate, (from) => send(watch.sent(from, rate.together)));
    return await watch.complete(60);
  } finally {
    await consumer.disconnect();
    await producer.disconnect();
    await admin.disconnect();
  }
}
