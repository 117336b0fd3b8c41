// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { ConfigResourceTypes, Kafka, logLevel, type IHeaders, type Message } from 'kafkajs';
import type { Fault, FaultContext } from './support/fault';
import { hooked } from './support/hooked';
import { promised, waitFor } from './support/wait';

const PUBLIC_TOPIC = 'feedback.v1';
const INTERNAL_TOPIC = 'gateway.inference.v1';
const HANDLER_SECONDS = 3;
/** A handler that hangs is tried twice; then come the dead letter, and what waited behind it on a busy machine. */
const DELAY_SECONDS_MAX = 2 * HANDLER_SECONDS + 30;
const BIG_BYTES = 10 * 1024 * 1024;

interface Poison {
  what: string;
  topic: string;
  message: Message;
  /** How the dead letter names the event: its own id, where one could be read. */
  eventId: string;
}

let injected: string[] = [];
let followers = 0;

/** F16: what cannot be handled delays its key and its partition for a bounded time and ends in the dead letters; neighbours go on. */
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
      for (const poison of poisons(context, round)) await inject(context, kafka, poison);
    }
    await skipsUnknownTypes(context, kafka);
  },
};

function poisons({ workspace }: FaultContext, round: number): Poison[] {
  const feedback = {
    target: { kind: 'inference', id: 'x' },
    metric: 'correct',
    value: true,
    rater: { id: 'r', kind: 'human_end_user' },
  };
  const make = (what: string, value: string | Buffer | null, headers?: IHeaders, topic = PUBLIC_TOPIC): Poison => {
    const eventId = `${workspace}-${what}-${round}`;
    const key = `poisoned-${what}-${round}`;
    return {
      what,
      topic,
      message: { key, value, headers: headers ?? binary(eventId, workspace) },
      eventId: headers ? '' : eventId,
    };
  };
  const internal = (what: string, value: string): Poison => {
    const eventId = `${workspace}-${what}-${round}`;
    const headers = binary(eventId, workspace, 'millrace.gateway.inference-completed.v1');
    return { ...make(what, value, headers, INTERNAL_TOPIC), eventId };
  };
  const json = JSON.stringify(feedback);
  return [
    make('unparseable', '{"target": {"kind": '),
    make('no-fields', '{}'),
    make('unknown-enum', JSON.stringify({ ...feedback, target: { kind: 'oracle', id: 'x' } })),
    make('null-value', null),
    make('no-headers', json, {}),
    make('huge', Buffer.alloc(BIG_BYTES, 'x')),
    make('near-limit', Buffer.alloc(1_000_000, 'x')),
    make('handler-bug', json),
    make('handler-hangs', json),
    internal('internal-unparseable', 'no json at all'),
    internal('internal-no-object', '[1, 2, 3]'),
    internal('internal-no-fields', '{}'),
  ];
}

function binary(id: string, workspace: string, type = 'millrace.feedback.v1'): Record<string, string> {
  return {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: '/faults/poison',
    ce_type: type,
    ce_workspace: workspace,
    'content-type': 'application/json',
  };
}

/** The poison, and right behind it a good event with the same key: the time until that is handled is what the key lost. */
async function inject(context: FaultContext, kafka: Kafka, poison: Poison): Promise<void> {
  const { lab, traffic, workspace, note, fault: count } = context;
  const producer = kafka.producer();
  // Its id must not look like the poison's: hooks choose by id.
  followers += 1;
  const follower = `${workspace}-behind-${followers}`;
  const good = JSON.stringify({
    target: { kind: 'inference', id: follower },
    metric: 'correct',
    value: true,
    rater: { id: 'follower', kind: 'human_end_user' },
  });
  await producer.connect();
  let placed: { partition: number; baseOffset?: string }[];
  try {
    placed = await producer.send({ topic: poison.topic, acks: -1, messages: [poison.message] });
    const behind = { key: poison.message.key, value: good, headers: binary(follower, workspace) };
    await producer.send({ topic: PUBLIC_TOPIC, acks: -1, messages: [behind] });
  } finally {
    await producer.disconnect();
  }
  count('poison', { what: poison.what, topic: poison.topic });
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1000;
  const others = traffic.flows({ kinds: ['inferences', 'aliases'] });
  await promised(`the event behind ${poison.what} is handled`, () => isStored(context, follower), {
    timeoutMs: DELAY_SECONDS_MAX * 1000,
  });
  const keyDelay = seconds();
  await others;
  const place = `${poison.topic}/${placed[0].partition}/${placed[0].baseOffset}`;
  const letter = await promised(
    `the dead letter of ${poison.what}`,
    async () => {
      const [row] = await lab.postgres.sql<{ event_id: string; code: string; attempts: number }>(
        'monitoring',
        `select event_id, code, attempts from dead_letters where topic || '/' || partition || '/' || message_offset = $1`,
        [place],
      );
      return row;
    },
    { timeoutMs: DELAY_SECONDS_MAX * 1000 },
  );
  injected.push(letter.event_id);
  if (poison.eventId !== '') assert.equal(letter.event_id, poison.eventId, `the dead letter of ${poison.what} has another id`);
  const partitionDelay = seconds();
  note('poison put aside', { what: poison.what, code: letter.code, attempts: letter.attempts, keyDelay, partitionDelay });
  process.stdout.write(
    `     ${poison.what}: ${letter.code} after ${letter.attempts} tries; key delayed ${keyDelay.toFixed(1)} s, put aside after ${partitionDelay.toFixed(1)} s\n`,
  );
}

async function isStored({ lab, workspace }: FaultContext, sourceId: string): Promise<boolean> {
  const rows = await lab.postgres.sql('monitoring', 'select 1 from feedback where workspace = $1 and source_id = $2', [
    workspace,
    sourceId,
  ]);
  return rows.length > 0;
}

/** Types that nobody asked for are nobody's poison: skipped and counted. */
async function skipsUnknownTypes({ lab, workspace, fault: count }: FaultContext, kafka: Kafka): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const headers = binary(`${workspace}-unknown-type`, workspace, 'millrace.gateway.never-heard-of.v9');
  await producer.send({ topic: INTERNAL_TOPIC, acks: -1, messages: [{ key: 'unknown', value: '{}', headers }] });
  await producer.disconnect();
  count('unknown type');
  await waitFor('the unknown type to be counted as skipped', async () => {
    const text = await (await fetch(`${lab.http('monitoring')}/metrics`)).text();
    return /^millrace_monitoring_consumer_events_total\{.*outcome="skipped".*\} [1-9]/m.test(text);
  });
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
