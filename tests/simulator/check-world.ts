// SPDX-License-Identifier: Apache-2.0
import type { Plan } from './faults';
import type { SimKafka } from './sim-kafka';
import type { SimPostgres } from './sql/server';

/** A request of a client and what the client was told. */
export interface Request {
  id: string;
  account: string;
  poison: boolean;
  repeatable: boolean;
  acknowledged: boolean;
  sent: boolean;
}

/** What the checks look at. */
export interface Seen {
  readonly plan: Plan;
  readonly db: SimPostgres;
  readonly log?: SimPostgres;
  readonly kafka: SimKafka;
  readonly requests: readonly Request[];
}

interface Told {
  id: string;
  account: string;
  version: number;
}

/**
 * What must hold once everything is quiet: P1 (acknowledged changes are there, once), P2 (every change is on its topic, in order per
 * key), P3 (one effect per event, in order per key), P4 (poison is in the dead letters, nothing else is), and nothing left to do.
 */
export function checkWorld(world: Seen): string[] {
  const changes = world.db.dump('changes').map((row) => ({
    id: row['event_id'] as string,
    account: row['account'] as string,
    version: Number(row['version']),
    requestId: row['request_id'] as string,
  }));
  const effects = told(world.db.dump('effects'));
  const letters = world.db.dump('dead_letters').map((row) => row['event_id'] as string);
  const sent = onTopic(world);
  const poison = new Set(world.requests.filter((request) => request.poison).map((request) => request.id));
  const poisoned = new Set(changes.filter((change) => poison.has(change.requestId)).map((change) => change.id));
  return [
    ...requestsOnce(world, changes),
    ...world.db
      .dump('outbox')
      .filter((row) => row['published_at'] === null)
      .map((row) => `event ${String(row['id'] as string)} was never marked as sent`),
    ...changes.filter(({ id }) => !sent.some((event) => event.id === id)).map(({ id }) => `event ${id} never reached its topic`),
    ...inOrder('topic', sent),
    ...duplicatesWithoutFault(world, sent),
    ...changes
      .filter(({ id }) => !poisoned.has(id) && !effects.some((effect) => effect.id === id))
      .map(({ id }) => `event ${id} has no effect`),
    ...effects
      .filter(({ id }, i) => effects.findIndex((other) => other.id === id) !== i)
      .map(({ id }) => `event ${id} had two effects`),
    ...effects
      .filter(({ id }) => !changes.some((change) => change.id === id))
      .map(({ id }) => `effect of event ${id} that nobody committed`),
    ...inOrder('effects', effects),
    ...[...poisoned].filter((id) => !letters.includes(id)).map((id) => `poison ${id} is not in the dead letters`),
    ...letters.filter((id) => !poisoned.has(id)).map((id) => `event ${id} is a dead letter without being poison`),
  ];
}

function told(rows: readonly Record<string, unknown>[]): Told[] {
  return rows
    .map((row) => ({
      id: row['event_id'] as string,
      account: row['account'] as string,
      version: Number(row['version']),
      at: Number(row['number']),
    }))
    .sort((a, b) => a.at - b.at);
}

function onTopic(world: Seen): Told[] {
  const headers = world.log
    ? world.log
        .dump('messages')
        .sort((a, b) => Number(a['message_offset']) - Number(b['message_offset']))
        .map((row) => JSON.parse(row['headers'] as string) as Record<string, string>)
    : [...world.kafka.logs.values()].flatMap((log) => log.map((message) => message.headers));
  return headers.map((each) => ({
    id: each['ce_id'],
    account: each['ce_aggregateid'],
    version: Number(each['ce_aggregateversion']),
  }));
}

function requestsOnce(world: Seen, changes: readonly { requestId: string }[]): string[] {
  return world.requests.flatMap((request) => {
    const count = changes.filter((change) => change.requestId === request.id).length;
    if (count > 1) return [`request ${request.id} was done ${count} times`];
    if (request.acknowledged && count === 0) return [`acknowledged request ${request.id} is lost`];
    // A client with a request id asks until it is told yes.
    return request.repeatable && !request.acknowledged ? [`request ${request.id} was never answered`] : [];
  });
}

/** Repeats may come, but what comes first comes in order of version per key. */
function inOrder(where: string, events: readonly Told[]): string[] {
  const newest = new Map<string, number>();
  const seen = new Set<string>();
  return events.flatMap(({ id, account, version }) => {
    if (seen.has(id)) return [];
    seen.add(id);
    const before = newest.get(account) ?? 0;
    newest.set(account, Math.max(before, version));
    return version < before ? [`${where}: version ${version} of ${account} came after ${before}`] : [];
  });
}

function duplicatesWithoutFault(world: Seen, sent: readonly Told[]): string[] {
  if (world.plan.faults.length > 0) return [];
  return sent
    .filter(({ id }, i) => sent.findIndex((other) => other.id === id) !== i)
    .map(({ id }) => `event ${id} was sent twice without a fault`);
}
