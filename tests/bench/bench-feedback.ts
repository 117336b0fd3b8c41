// SPDX-License-Identifier: Apache-2.0
// Feedback from a Kafka topic until it is counted in monitoring's tables, one process: events per second when a backlog waits, and the
// time from produce to visible through the API at 1,000/s. Every event names a known inference, so each goes the whole way: inbox,
// validation, join, rater's standing and daily bound, outbox. One in 1,000 is bad and must become a dead letter, one in 500 is a
// repeat. The same events go through the consumer host into a plain table, which tells its share from that of the work itself.
// Run: npm run bench:feedback [-- --scale small] [--assert]
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel, Partitioners, type Message, type Producer } from 'kafkajs';
import { Client } from 'pg';
import { listTopics } from '#libs/contracts';
import { KafkaBroker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { startKafkaForTests } from '#libs/testing';
import { kafkaLatencies } from './bare-round-trips';
import {
  benchArguments,
  BenchRig,
  childrenCpuSecondsOf,
  cpuSecondsOf,
  memoryMibOf,
  percentile,
  report,
  round,
  type Figure,
} from './bench-kit';
import { Pace, until } from './pace';
import { plainAndHosted } from './plain-feedback-runs';

const SIZES = {
  small: { events: 20_000, latencySeconds: 2, rounds: 1 },
  full: { events: 100_000, latencySeconds: 10, rounds: 5 },
};
const TOPIC = 'feedback.v1';
const RATE_MIN = 50_000;
const RATIO_MAX = 1.3;
const LATENCY_RATE = 1_000;
const LATENCY_MS_MAX = 250;
const RATERS = 5_000;
/** Makes the value of an event about 200 bytes long. */
const COMMENT = 'the answer names a plant where an animal was meant, see page two';

interface Counts {
  accepted: number;
  deadLetters: number;
  outbox: number;
}

function message(n: number, bad: boolean, id = `e-${n}`): Message {
  const data = {
    target: { kind: 'inference', id: `i-${n}` },
    metric: bad ? 'not a name' : 'correct',
    value: n % 3 !== 0,
    rater: { id: `u-${n % RATERS}`, kind: 'human_end_user' },
    comment: COMMENT,
  };
  const headers = {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: 'bench',
    ce_type: 'millrace.feedback.v1',
    ce_time: new Date().toISOString(),
    'content-type': 'application/json',
  };
  // As docs/topics.md advises: all feedback of a rater in one partition.
  return { key: `u-${n % RATERS}`, value: JSON.stringify(data), headers };
}

function bytesOf({ value, headers }: Message): { value: number; headers: number } {
  const length = Object.entries(headers ?? {}).reduce((sum, [name, text]) => sum + name.length + String(text).length, 0);
  return { value: Buffer.byteLength(value ?? ''), headers: length };
}

async function produce(producer: Producer, from: number, to: number): Promise<{ good: number; bad: number }> {
  const made = { good: 0, bad: 0 };
  for (let start = from; start < to; start += 1_000) {
    const messages: Message[] = [];
    for (let n = start; n < Math.min(to, start + 1_000); n += 1) {
      const bad = n % 1_000 === 999;
      messages.push(message(n, bad));
      if (n % 500 === 1) messages.push(message(n, bad));
      if (bad) made.bad += 1;
      else made.good += 1;
    }
    await producer.send({ topic: TOPIC, messages, acks: -1 });
  }
  return made;
}

async function seedInferences(client: Client, count: number): Promise<void> {
  await client.query(
    `insert into inferences (workspace, id, endpoint, model_name, model_version, model_manifest_digest, rollout_id, arm, user_hash,
       status_code, error_code, latency_ms, prompt_tokens, completion_tokens, input_text, output_text, input_key, request_time)
     select 'default', 'i-' || n, 'bench', 'bench', 1, 'd', '', '', '', 200, '', 5, 20, 3, 'a definition of number ' || n, 'plant',
       'key-' || n, now() from generate_series(0, $1::int - 1) n`,
    [count],
  );
  await client.query('analyze inferences');
}

async function counts(client: Client): Promise<Counts> {
  const { rows } = await client.query<Record<keyof Counts, string>>(
    `select (select count(*) from feedback where state = 'accepted') as accepted,
       (select count(*) from dead_letters) as "deadLetters", (select count(*) from outbox) as outbox`,
  );
  const [{ accepted, deadLetters, outbox }] = rows;
  return { accepted: Number(accepted), deadLetters: Number(deadLetters), outbox: Number(outbox) };
}

/** Produces at a steady rate and asks the API for every 50th event until it is there. */
async function latencies(producer: Producer, baseUrl: string, range: { from: number; to: number }): Promise<number[]> {
  const found: number[] = [];
  const asking: Promise<void>[] = [];
  const ask = async (n: number, producedMs: number): Promise<void> => {
    while (performance.now() - producedMs < 60_000) {
      const reply = await fetch(`${baseUrl}/api/v1/feedback?inferenceId=i-${n}&pageSize=1`);
      const { items } = (await reply.json()) as { items: { state: string }[] };
      if (items.length > 0) {
        found.push(performance.now() - producedMs);
        return;
      }
      // The later it is, the more asking would be what makes it late; the error stays below a tenth.
      await delay(Math.max(10, (performance.now() - producedMs) / 10));
    }
    throw new Error(`feedback to i-${n} never became visible`);
  };
  const startMs = performance.now();
  for (let n = range.from; n < range.to; n += 10) {
    const producedMs = performance.now();
    await producer.send({ topic: TOPIC, messages: Array.from({ length: 10 }, (_, k) => message(n + k, false)), acks: -1 });
    if ((n - range.from) % 50 === 0) asking.push(ask(n, producedMs));
    const aheadMs = ((n + 10 - range.from) * 1000) / LATENCY_RATE - (performance.now() - startMs);
    if (aheadMs > 0) await delay(aheadMs);
  }
  await Promise.all(asking);
  return found;
}

async function main(): Promise<void> {
  const options = benchArguments();
  const { events, latencySeconds, rounds } = SIZES[options.scale];
  const rig = await BenchRig.open();
  const kafka = await startKafkaForTests();
  const client = new Kafka({ clientId: 'bench', brokers: kafka.brokers, logLevel: logLevel.NOTHING });
  const producer = client.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner });
  let database: Client | undefined;
  try {
    const broker = new KafkaBroker({ brokers: kafka.brokers, service: 'bench', logger: silentLogger() });
    await broker.ensureTopics(listTopics());
    await broker.close();
    await producer.connect();
    const { databaseUrl } = await rig.databases('monitoring');
    database = new Client({ connectionString: databaseUrl });
    await database.connect();
    const later = LATENCY_RATE * latencySeconds;
    await seedInferences(database, events + later);
    const made = await produce(producer, 0, events);

    const { plain, hosted, ratios, ratio } = await plainAndHosted(rig, kafka, made.good + made.bad, rounds);

    const bareRate = { perSecond: LATENCY_RATE, seconds: latencySeconds, together: 10 };
    const bareP95Ms = percentile(await kafkaLatencies(kafka.brokers, bareRate), 0.95);

    const env = { BROKER: 'kafka', KAFKA_BROKERS: kafka.brokers.join(), FEEDBACK_PER_RATER_DAY_MAX: '1000000' };
    const monitoring = await rig.service('monitoring', env);
    const cpuBefore = cpuSecondsOf(monitoring.pid);
    const databaseCpuBefore = childrenCpuSecondsOf(rig.postgres.pid);
    const pace = new Pace();
    let seen: Counts = { accepted: 0, deadLetters: 0, outbox: 0 };
    const countOurs = async (): Promise<boolean> => {
      seen = await counts(database as Client);
      return pace.saw(seen.accepted + seen.deadLetters) >= made.good + made.bad;
    };
    await until('every event is counted', countOurs, 400);
    const cpuSeconds = cpuSecondsOf(monitoring.pid) - cpuBefore;
    const databaseCpu = childrenCpuSecondsOf(rig.postgres.pid) - databaseCpuBefore;
    const faults: string[] = [];
    if (seen.accepted !== made.good || seen.deadLetters !== made.bad)
      faults.push(`${seen.accepted} accepted and ${seen.deadLetters} dead letters; expected ${made.good} and ${made.bad}`);
    if (seen.outbox !== made.good) faults.push(`${seen.outbox} events announced; expected ${made.good}`);
    const { rows } = await database.query<{ n: string }>('select count(*) as n from outbox where published_at is null');
    await until(
      'the outbox is empty',
      async () =>
        Number(
          (await database?.query<{ n: string }>('select count(*) as n from outbox where published_at is null'))?.rows[0].n,
        ) === 0,
      300,
    );
    // As autovacuum does within its minute: until then a review of the raters sorts all feedback instead of reading the newest.
    await database.query('analyze feedback, raters');
    const times = await latencies(producer, monitoring.baseUrl, { from: events, to: events + later });
    let after = seen;
    // The API was asked for some of them; the rest may still be on its way.
    await until(
      'the paced events are counted',
      async () => (after = await counts(database as Client)).accepted >= made.good + later,
      60,
    ).catch(() => undefined);
    if (after.accepted !== made.good + later)
      faults.push(`${after.accepted} accepted after the paced part; expected ${made.good + later}`);
    const rate = pace.perSecond();
    const plainBaseline = { what: 'kafkajs eachBatch and unnest into one plain table', value: Math.round(plain.rate) };
    const figures: Figure[] = [
      {
        name: 'backlog on Kafka through our consumer host into the plain table',
        value: Math.round(hosted.rate),
        unit: 'events/s',
        baseline: plainBaseline,
        ratio,
        ratioTarget: { at: 'most', value: RATIO_MAX },
        ratioOfEachRound: ratios,
        target: { at: 'least', value: RATE_MIN, of: 'value' },
        cpuSeconds: round(hosted.cpuSeconds, 2),
        cpuSecondsBaseline: round(plain.cpuSeconds, 2),
        databaseCpuSeconds: round(hosted.databaseCpuSeconds, 2),
        databaseCpuSecondsBaseline: round(plain.databaseCpuSeconds, 2),
      },
      {
        name: 'backlog on Kafka until counted',
        value: Math.round(rate),
        unit: 'events/s',
        baseline: plainBaseline,
        ratio: round(plain.rate / rate, 2),
        ratioTarget: { at: 'most', value: RATIO_MAX },
        target: { at: 'least', value: RATE_MIN, of: 'value' },
        cpuSeconds: round(cpuSeconds, 2),
        cpuSecondsBaseline: round(plain.cpuSeconds, 2),
        databaseCpuSeconds: round(databaseCpu, 2),
        databaseCpuSecondsBaseline: round(plain.databaseCpuSeconds, 2),
        events,
        bytesPerEvent: bytesOf(message(events, false)),
        announcedLaterEvents: Number(rows[0].n),
        rssMib: memoryMibOf(monitoring.pid).most,
      },
      {
        name: `produced to visible through the API, p95 at ${LATENCY_RATE}/s`,
        value: round(percentile(times, 0.95), 1),
        unit: 'ms',
        baseline: { what: 'kafkajs producer to kafkajs consumer', value: round(bareP95Ms, 1) },
        ratio: round(percentile(times, 0.95) / bareP95Ms, 1),
        p50: round(percentile(times, 0.5), 1),
        samples: times.length,
        target: { at: 'most', value: LATENCY_MS_MAX, of: 'value' },
      },
    ];
    await monitoring.stop();
    report('feedback', options, figures, faults);
  } finally {
    await producer.disconnect();
    await database?.end();
    await kafka.stop();
    await rig.close();
  }
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
