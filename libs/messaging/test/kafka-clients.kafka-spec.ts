// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { CompressionTypes, Kafka, logLevel, Partitioners, type Admin } from 'kafkajs';
import { listTopics } from '#libs/contracts';
import { silentLogger } from '#libs/observability';
import { eventually, startKafkaForTests, useTestDatabase, type TestKafka } from '#libs/testing';
import { KafkaBroker, on, onRawBatch, type Broker, type ReceivedEvent } from '../src';
import { UNPACKED_BYTES_MAX } from '../src/kafka/codecs';
import { Moved, startRig, type Counted, type Rig } from './rig';

jest.setTimeout(120_000);

describe('Kafka as other clients use it', () => {
  const database = useTestDatabase('kafka-spec');
  let kafka: TestKafka;
  let client: Kafka;
  let admin: Admin;
  let broker: Broker;
  let rig: Rig | undefined;

  beforeAll(async () => {
    kafka = await startKafkaForTests();
    client = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING, retry: { retries: 10 } });
    admin = client.admin();
    await admin.connect();
    broker = new KafkaBroker({ brokers: kafka.brokers, service: 'spec', logger: silentLogger() });
    await broker.start();
    await broker.ensureTopics(listTopics());
  });
  afterEach(async () => {
    await rig?.stop();
    rig = undefined;
    await database.db.query('truncate outbox, inbox, dead_letters');
  });
  afterAll(async () => {
    await broker.close();
    await admin.disconnect();
    await kafka.stop();
  });

  // The broker itself compresses (topic setting), so the bytes come from Java's codecs and not from the ones under test.
  it.each(['gzip', 'snappy', 'lz4', 'zstd'])('reads batches compressed with %s', async (codec) => {
    const topic = `codec-${codec}-${randomUUID().slice(0, 8)}`;
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'compression.type', value: codec }] }],
    });
    await eventually(async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length === 1);
    const values = Array.from({ length: 500 }, (_, n) => `${n} ${'the same words again and again '.repeat(5)}`);
    await broker.publish(values.map((value) => ({ topic, key: 'k', value, headers: {} })));
    const seen: string[] = [];
    const subscription = await broker.subscribe({
      group: topic,
      topics: [topic],
      batchSizeMax: 200,
      partitionsConcurrentMax: 1,
      onFatal: () => undefined,
      onBatch: async ({ messages }) => {
        seen.push(...messages.map(({ value }) => String(value)));
        return { processed: messages.length };
      },
    });
    try {
      await eventually(() => seen.length === values.length);
      expect(seen).toEqual(values);
    } finally {
      await subscription.stop();
    }
  });

  it('carries events from outbox to effect in order, puts poison aside, and applies each once', async () => {
    const seen: ReceivedEvent<Counted>[] = [];
    const handler = on(Moved, async (event, tx) => {
      if (event.data.n === 5) throw new TypeError('a bug');
      tx.afterCommit(() => seen.push(event));
    });
    rig = await startRig({ database: database.url, kafka: kafka.brokers }, [handler], { group: `spec-${randomUUID()}` });
    const key = randomUUID();
    for (let n = 1; n <= 10; n += 1) await rig.publish(key, n);
    const mine = () => seen.filter((event) => event.key === key).map(({ data }) => data.n);
    await eventually(() => expect(mine()).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10]));
    await database.db.query('update outbox set published_at = null'); // everything again
    await rig.publish(key, 11);
    await eventually(() => expect(mine().at(-1)).toBe(11));
    expect(mine()).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
    expect(await database.db.query('select code, attempts from dead_letters')).toEqual([
      { code: 'COMMON.INTERNAL', attempts: 3 },
    ]);
  });

  it('takes feedback from any producer, binary and structured, and dead-letters the rest', async () => {
    const source = `/app/${randomUUID()}`;
    const seen: ReceivedEvent[] = [];
    const handler = onRawBatch('feedback.v1', async (events) => void seen.push(...events));
    rig = await startRig({ database: database.url, kafka: kafka.brokers }, [handler], { group: `spec-${randomUUID()}` });
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const event = { specversion: '1.0', id: '2', source, type: 'millrace.feedback.v1', data: { value: false } };
    await producer.send({
      topic: 'feedback.v1',
      messages: [
        {
          value: '{"value":true}',
          // Kafka has headers without a value (kcat -H name); the client's types do not say so.
          headers: {
            ce_specversion: '1.0',
            ce_id: '1',
            ce_source: source,
            ce_type: 'millrace.feedback.v1',
            empty: null as never,
          },
        },
        { value: JSON.stringify(event), headers: { 'content-type': 'application/cloudevents+json' } },
        { key: 'poison', value: 'hello', headers: { ce_id: source } },
      ],
    });
    await producer.disconnect();
    const mine = () => seen.filter((one) => one.source === source);
    await eventually(() => mine().length === 2);
    expect(
      mine()
        .map(({ id, data }) => ({ id, data }))
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    ).toEqual([
      { id: '1', data: { value: true } },
      { id: '2', data: { value: false } },
    ]);
    await eventually(async () =>
      expect(await database.db.query('select code, message from dead_letters where event_id = $1', [source])).toEqual([
        { code: 'MESSAGING.NOT_AN_EVENT', message: 'specversion must be "1.0"' },
      ]),
    );
  });

  it('puts aside a batch that unpacks to more than is read, and reads on behind it', async () => {
    const source = `/app/${randomUUID()}`;
    const seen: string[] = [];
    const handler = onRawBatch('feedback.v1', async (events) => {
      seen.push(...events.filter((event) => event.source === source).map(({ id }) => id));
    });
    rig = await startRig({ database: database.url, kafka: kafka.brokers }, [handler], { group: `spec-${randomUUID()}` });
    const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const headers = (id: string) => ({ ce_specversion: '1.0', ce_id: id, ce_source: source, ce_type: 'millrace.feedback.v1' });
    const send = (id: string, value: string | Buffer) =>
      producer.send({
        topic: 'feedback.v1',
        compression: CompressionTypes.GZIP,
        messages: [{ partition: 0, value, headers: headers(id) }],
      });
    await send('before', '{"value":true}');
    await send('bomb', Buffer.alloc(UNPACKED_BYTES_MAX + 1)); // some 65 kB on the wire
    await send('after', '{"value":true}');
    await producer.disconnect();
    await eventually(() => expect(seen).toEqual(['before', 'after']));
    // Other cases left poison on this topic, and this group reads it from the start.
    const letters = await database.db.query(
      `select code, message, length(payload) as bytes from dead_letters where code <> 'MESSAGING.NOT_AN_EVENT'`,
    );
    expect(letters).toEqual([
      {
        code: 'MESSAGING.UNREADABLE_BATCH',
        message: expect.stringMatching(/^1 messages from offset \d+ cannot be unpacked: .*larger than/),
        bytes: expect.any(Number),
      },
    ]);
    expect((letters[0] as { bytes: number }).bytes).toBeLessThan(100_000);
  });
});
