// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { ConfigResourceTypes, Kafka, logLevel, type Message } from 'kafkajs';
import type { Fault, FaultContext } from './support/fault';
import { hooked } from './support/hooked';
import { countOf } from './support/labelled-metric';
import { BIG_BYTES, goodEvent, headersOf, INTERNAL_TOPIC, poisons, PUBLIC_TOPIC, type Poison } from './support/poisons';
import { promised, waitFor } from './support/wait';

const PARTITIONS = 6;
const HANDLER_SECONDS = 3;
/** Poison, the two good events behind it, and one of the traffic that may have come in between: what one handler call takes. */
const BATCH_MAX = 4;
/** Back-off of the product between tries: 50 ms doubled per try, half of it more by jitter. */
const BACK_OFF_SECONDS = (tries: number): number =>
  Array.from({ length: tries - 1 }, (_, index) => 0.05 * 2 ** (index + 1) * 1.5).reduce((sum, each) => sum + each, 0);
/** Fetching, storing and looking for it, on a busy machine. */
const SLACK_SECONDS = 5;

let injected: string[] = [];
let followers = 0;

/**
 * F16: what cannot be handled delays its key and its partition for a bounded time (P4) and ends in the dead letters; neighbours go on.
 * A partition is read in order, so its key (N) and all of it (M) wait for the same: the tries of the poison, and one more handler limit
 * each time that a batch with it is halved. Other consumers do not wait at all.
 */
export const fault: Fault = {
  id: 'F16',
  title: 'Poison: unreadable, unknown, huge and empty events; handlers that throw or hang',
  ownLab: { services: ['monitoring', 'gateway', 'registry'] },
  services: ['monitoring', 'gateway', 'registry'],
  traffic: ['feedback', 'inferences', 'aliases'],
  expects: { poisonIds: () => injected },
  async run(context) {
    injected = [];
    const [monitoring] = context.lab.replicas('monitoring');
    await monitoring.restart(hooked('poison-handlers', { HANDLER_SECONDS_MAX: String(HANDLER_SECONDS) }));
    const kafka = new Kafka({
      clientId: 'millrace-faults-poison',
      brokers: context.lab.kafka.brokers,
      logLevel: logLevel.NOTHING,
    });
    await raiseLimit(kafka);
    for (let round = 0; round < context.rounds; round += 1) {
      for (const poison of poisons(context.workspace, round)) await inject(context, kafka, poison);
    }
    await skipsUnknownTypes(context, kafka);
  },
};

/** N and M of P4 for this poison, from the settings. */
function delaySecondsMax({ attempts, hangs }: Poison): number {
  const handling = hangs ? (attempts + Math.ceil(Math.log2(BATCH_MAX))) * HANDLER_SECONDS : 0;
  return handling + BACK_OFF_SECONDS(attempts) + SLACK_SECONDS;
}

/**
 * The poison, right behind it a good event of the same key and one of another key, on another partition one more, and one for another
 * consumer: when each of them is stored says what the poison cost it.
 */
async function inject(context: FaultContext, kafka: Kafka, poison: Poison): Promise<void> {
  const { traffic, workspace, random, note, fault: count } = context;
  const { what, topic, message } = poison;
  const elsewhere = topic === PUBLIC_TOPIC ? INTERNAL_TOPIC : PUBLIC_TOPIC;
  const partition = Math.floor(random() * PARTITIONS);
  followers += 1;
  // Their ids must not look like the poison's: hooks choose by id.
  const id = (place: string): string => `${workspace}-${place}-${followers}`;
  const good = (on: string, place: string, at: number, key = id(place)): Message => ({
    key: Buffer.from(key),
    partition: at,
    ...goodEvent(on, id(place), workspace),
  });
  const behind = good(topic, 'behind', partition, String(message.key));
  const here = [{ ...message, partition }, behind, good(topic, 'beside', partition), good(topic, 'apart', (partition + 1) % 6)];
  const offset = await send(
    kafka,
    partition,
    { topic, messages: here },
    { topic: elsewhere, messages: [good(elsewhere, 'elsewhere', 0)] },
  );
  count('poison', { what, topic, partition });
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1000;
  const limit = delaySecondsMax(poison);
  const stored = async (on: string, place: string, within: number): Promise<number> => {
    await promised(`the event ${place} ${what}`, () => isStored(context, on, id(place)), { timeoutMs: within * 1000 });
    return seconds();
  };
  const [key, partitionOf, otherPartition, otherConsumer] = await Promise.all([
    stored(topic, 'behind', limit),
    stored(topic, 'beside', limit),
    stored(topic, 'apart', limit),
    stored(elsewhere, 'elsewhere', SLACK_SECONDS),
    traffic.flows({ kinds: ['inferences', 'aliases'], timeoutMs: limit * 1000 }),
  ]);
  const letter = await letterAt(context, `${topic}/${partition}/${offset}`);
  assert.ok(letter, `${what} was passed and is in no dead letter`);
  injected.push(letter.event_id);
  const { event_id: eventId, code, attempts } = letter;
  assert.deepEqual({ eventId, code, attempts }, { eventId: poison.eventId, code: poison.code, attempts: poison.attempts }, what);
  if (poison.hangs) assert.ok(key >= poison.attempts * HANDLER_SECONDS, `${what} was tried for ${key} s only`);
  note('poison put aside', { what, code, attempts, limit, key, partition: partitionOf, otherPartition, otherConsumer });
  const delays = [key, partitionOf, otherPartition, otherConsumer].map((each) => each.toFixed(1)).join(', ');
  process.stdout.write(
    `     ${what}: ${code} after ${attempts} tries; its key, its partition, another, another consumer waited ${delays} s (at most ${limit.toFixed(1)} s, the last ${SLACK_SECONDS} s)\n`,
  );
}

/** Sends all in one go; gives the offset of the first message on that partition. */
async function send(
  kafka: Kafka,
  partition: number,
  ...topicMessages: { topic: string; messages: Message[] }[]
): Promise<string> {
  const producer = kafka.producer();
  await producer.connect();
  try {
    const places = await producer.sendBatch({ acks: -1, topicMessages });
    const place = places.find((each) => each.topicName === topicMessages[0].topic && each.partition === partition);
    return String(place?.baseOffset);
  } finally {
    await producer.disconnect();
  }
}

async function letterAt({ lab }: FaultContext, place: string) {
  const [row] = await lab.postgres.sql<{ event_id: string; code: string; attempts: number }>(
    'monitoring',
    `select event_id, code, attempts from dead_letters where topic || '/' || partition || '/' || message_offset = $1`,
    [place],
  );
  return row as typeof row | undefined;
}

async function isStored({ lab, workspace }: FaultContext, topic: string, id: string): Promise<boolean> {
  const text =
    topic === PUBLIC_TOPIC
      ? 'select 1 from feedback where workspace = $1 and source_id = $2'
      : 'select 1 from inferences where workspace = $1 and id = $2';
  return (await lab.postgres.sql('monitoring', text, [workspace, id])).length > 0;
}

/** Types that nobody asked for are nobody's poison: skipped, counted, and in nobody's way. */
async function skipsUnknownTypes(context: FaultContext, kafka: Kafka): Promise<void> {
  const { lab, workspace, fault: count } = context;
  const skipped = (): Promise<number> =>
    countOf(lab.http('monitoring'), 'consumer_events_total', { consumer: 'monitoring.inferences', outcome: 'skipped' });
  const before = await skipped();
  const headers = headersOf(INTERNAL_TOPIC, `${workspace}-unknown-type`, workspace, 'millrace.gateway.never-heard-of.v9');
  const unknown = { key: 'unknown', value: '{}', headers, partition: 0 };
  const behind = `${workspace}-behind-unknown`;
  const follower = { key: 'unknown', partition: 0, ...goodEvent(INTERNAL_TOPIC, behind, workspace) };
  const offset = await send(kafka, 0, { topic: INTERNAL_TOPIC, messages: [unknown, follower] });
  count('unknown type');
  await waitFor('the event behind the unknown type', () => isStored(context, INTERNAL_TOPIC, behind), {
    timeoutMs: SLACK_SECONDS * 1000,
  });
  assert.equal(await skipped(), before + 1, 'events that monitoring.inferences counted as skipped');
  const letter = await letterAt(context, `${INTERNAL_TOPIC}/0/${offset}`);
  assert.equal(letter, undefined, 'an event of an unknown type is in the dead letters');
}

/** Another team's topic setting may let through what our own limits would not. */
async function raiseLimit(kafka: Kafka): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: PUBLIC_TOPIC,
          configEntries: [{ name: 'max.message.bytes', value: String(2 * BIG_BYTES) }],
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
}
