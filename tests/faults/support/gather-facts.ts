// SPDX-License-Identifier: Apache-2.0
import { listTopics } from '#libs/contracts';
import type { ServiceName } from '../../../deploy/local/processes';
import type { FaultLab } from './fault-lab';
import type { DeadLetterFact, Effect, Facts, OwedEvent, OwedFact, Tally } from './facts';
import { readConsumerViews } from './consumer-views';
import { readTopics } from './topic-reader';
import type { Operation } from './operation';

type Sql = <Row extends object>(service: ServiceName, text: string) => Promise<Row[]>;

/** Where the effect of a request is seen: its request id (or the id it was given) and how often. */
const EFFECTS: { service: ServiceName; sql: string }[] = [
  {
    service: 'ingestion',
    sql: `select produced_by as id, count(*)::int as count from dataset_versions where workspace = $1 group by 1`,
  },
  { service: 'monitoring', sql: `select source_id as id, count(*)::int as count from feedback where workspace = $1 group by 1` },
  { service: 'monitoring', sql: `select id, count(*)::int as count from inferences where workspace = $1 group by 1` },
  { service: 'registry', sql: `select reason as id, count(*)::int as count from alias_history where workspace = $1 group by 1` },
  {
    service: 'training',
    sql: `select spec->>'displayName' as id, count(*)::int as count from jobs where workspace = $1 group by 1`,
  },
];

/** Rows that must be told, by the field of the event that names them. */
const OWED: { service: ServiceName; type: string; field: string; sql: string }[] = [
  {
    service: 'ingestion',
    type: 'millrace.ingestion.dataset-version-committed.v1',
    field: 'versionId',
    sql: `select id::text as value from dataset_versions where workspace = $1`,
  },
  {
    service: 'registry',
    type: 'millrace.registry.alias-moved.v1',
    field: 'reason',
    sql: `select reason as value from alias_history where workspace = $1`,
  },
  {
    service: 'monitoring',
    type: 'millrace.monitoring.feedback-accepted.v1',
    field: 'feedbackId',
    sql: `select id as value from feedback where workspace = $1 and state = 'accepted'`,
  },
  {
    service: 'monitoring',
    type: 'millrace.gateway.inference-completed.v1',
    field: 'inferenceId',
    sql: `select id as value from inferences where workspace = $1`,
  },
  {
    service: 'training',
    type: 'millrace.training.job-succeeded.v1',
    field: 'jobId',
    sql: `select id as value from jobs where workspace = $1 and state = 'succeeded'`,
  },
];

/** What one service knows, and what another must have learned of it. */
const TALLIES: { what: string; expected: [ServiceName, string]; actual: [ServiceName, string] }[] = [
  {
    what: 'profiles of committed versions',
    expected: ['ingestion', `select count(*)::int as n from dataset_versions where workspace = $1`],
    actual: ['data-prep', `select count(*)::int as n from profiles where workspace = $1`],
  },
  {
    what: 'requests in the minute sums of monitoring',
    expected: ['monitoring', `select count(*)::int as n from inferences where workspace = $1`],
    actual: ['monitoring', `select coalesce(sum(requests), 0)::int as n from minute_rollups where workspace = $1`],
  },
  {
    what: 'feedback counted for its raters',
    expected: [
      'monitoring',
      `select count(*)::int as n from feedback where workspace = $1 and state in ('accepted', 'capped', 'retracted')`,
    ],
    actual: ['monitoring', `select coalesce(sum(feedback_count), 0)::int as n from raters where workspace = $1`],
  },
  {
    what: 'accepted feedback known to ingestion',
    expected: ['monitoring', `select count(*)::int as n from feedback where workspace = $1 and state = 'accepted'`],
    actual: ['ingestion', `select count(*)::int as n from feedback where workspace = $1`],
  },
  {
    what: 'models registered for succeeded jobs',
    expected: [
      'training',
      `select count(*)::int as n from jobs where workspace = $1 and kind = 'fine-tune' and state = 'succeeded'`,
    ],
    actual: [
      'registry',
      `select count(*)::int as n from model_versions where workspace = $1 and model_name = 'trained' and job_id <> ''`,
    ],
  },
];

/** A job also counts changes that it tells nobody of; these count only what they tell. */
const COUNTED = ['ingestion.dataset-version.v1', 'registry.model-version.v1', 'registry.alias.v1', 'monitoring.feedback.v1'];

/** Work that must come to an end (P6): profiles and jobs. */
const UNFINISHED: { service: ServiceName; what: string; sql: string }[] = [
  {
    service: 'data-prep',
    what: 'profile',
    sql: `select id::text || ' is ' || state || ' ' || error_code as text from profiles where workspace = $1 and state <> 'succeeded'`,
  },
  {
    service: 'training',
    what: 'job',
    sql: `select id || ' is ' || state || ' ' || coalesce(error->>'code', '') as text from jobs where workspace = $1 and state <> 'succeeded'`,
  },
];

/** Reads all that the checker needs of one workspace. `topics` false: databases only, which is much cheaper. */
export async function gatherFacts(
  lab: FaultLab,
  workspace: string,
  operations: readonly Operation[],
  { topics = true }: { topics?: boolean } = {},
): Promise<Facts> {
  const has = (service: ServiceName): boolean => lab.services.includes(service);
  const sql: Sql = (service, text) => lab.postgres.sql(service, text, text.includes('$1') ? [workspace] : []);
  const owners = lab.services.filter((name): name is ServiceName => name !== 'runtime');
  const ordered = listTopics().filter((topic) => topic.ordering === 'per-key');
  const owed = topics ? await readOwed(sql, owners, has) : { events: [], facts: [] };
  const names = listTopics()
    .map((topic) => topic.name)
    .filter((name) => name !== 'feedback.v1');
  const events = topics ? await readTopics(lab.kafka.brokers, names, workspace) : [];
  return {
    operations,
    effects: await readEffects(sql, operations, has),
    tallies: await readTallies(sql, has),
    unfinished: await readUnfinished(sql, has),
    owedEvents: owed.events,
    owedFacts: owed.facts,
    events,
    views: await readConsumerViews(events, sql, has),
    orderedTopics: ordered.map((topic) => topic.name),
    countedTopics: COUNTED,
    deadLetters: await readDeadLetters(sql, owners),
    idleInTransaction: await readIdle(lab),
  };
}

async function readEffects(
  sql: Sql,
  operations: readonly Operation[],
  has: (service: ServiceName) => boolean,
): Promise<Effect[]> {
  const counts = new Map<string, number>();
  for (const { service, sql: text } of EFFECTS.filter((each) => has(each.service))) {
    for (const { id, count } of await sql<{ id: string; count: number }>(service, text)) counts.set(id, count);
  }
  // An inference is known by the id that its answer carried.
  return operations.map(({ requestId, ids }) => ({ requestId, count: counts.get(String(ids.inferenceId ?? requestId)) ?? 0 }));
}

async function readTallies(sql: Sql, has: (service: ServiceName) => boolean): Promise<Tally[]> {
  const tallies: Tally[] = [];
  for (const { what, expected, actual } of TALLIES) {
    if (!has(expected[0]) || !has(actual[0])) continue;
    const [[wanted], [found]] = await Promise.all([sql<{ n: number }>(...expected), sql<{ n: number }>(...actual)]);
    tallies.push({ what, expected: wanted.n, actual: found.n });
  }
  return tallies;
}

async function readUnfinished(sql: Sql, has: (service: ServiceName) => boolean): Promise<string[]> {
  const lists = UNFINISHED.filter(({ service }) => has(service)).map(async ({ service, what, sql: text }) =>
    (await sql<{ text: string }>(service, text)).map((row) => `${what} ${row.text}`),
  );
  return (await Promise.all(lists)).flat();
}

async function readOwed(
  sql: Sql,
  owners: readonly ServiceName[],
  has: (service: ServiceName) => boolean,
): Promise<{ events: OwedEvent[]; facts: OwedFact[] }> {
  const events: OwedEvent[] = [];
  for (const service of owners) {
    const text = `select id::text as id, topic, published_at is not null as sent from outbox where workspace = $1`;
    for (const row of await sql<Omit<OwedEvent, 'service'>>(service, text)) events.push({ service, ...row });
  }
  const facts: OwedFact[] = [];
  for (const { service, type, field, sql: text } of OWED.filter((each) => has(each.service))) {
    for (const { value } of await sql<{ value: string }>(service, text)) facts.push({ type, field, value });
  }
  return { events, facts };
}

async function readDeadLetters(sql: Sql, owners: readonly ServiceName[]): Promise<DeadLetterFact[]> {
  const letters: DeadLetterFact[] = [];
  for (const service of owners) {
    // Poison may carry no workspace: then it is in the default one.
    const text = `select consumer, event_id as "eventId", code from dead_letters where workspace in ($1, 'default') and state in ('open', 'replaying')`;
    for (const row of await sql<Omit<DeadLetterFact, 'service'>>(service, text)) letters.push({ service, ...row });
  }
  return letters;
}

/** A healthy transaction is never idle for two seconds: nothing in it waits for anything but the database. */
async function readIdle(lab: FaultLab): Promise<string[]> {
  const rows = await lab.postgres.sql<{ text: string }>(
    'postgres',
    `select datname || ' ' || application_name || ': ' || left(query, 80) as text from pg_stat_activity
     where state like 'idle in transaction%' and state_change < clock_timestamp() - interval '2 seconds'`,
  );
  return rows.map((row) => row.text);
}
