// SPDX-License-Identifier: Apache-2.0
import type { Expectations } from './fault';
import type { Facts, TopicEvent } from './facts';

/** Each list holds one sentence per finding; all must be empty. */
export interface Findings {
  lost: string[];
  doubled: string[];
  outOfOrder: string[];
  /** Stuck outboxes, unexpected dead letters, open transactions, work without an end. */
  other: string[];
  acknowledged: number;
}

/**
 * Judges what is in databases and topics against what callers were told. Knows the promises of reliability.md section 2 and the
 * meaning of the public tables, and nothing of how they are kept.
 */
export function check(facts: Facts, expects: Expectations = {}): Findings {
  const findings: Findings = { lost: [], doubled: [], outOfOrder: [], other: [], acknowledged: 0 };
  checkEffects(facts, findings);
  checkTallies(facts, findings);
  checkOwed(facts, findings);
  checkOrder(facts, findings);
  checkViews(facts, findings);
  checkDeadLetters(facts, findings, expects.poisonIds?.() ?? []);
  findings.other.push(...facts.unfinished, ...facts.idleInTransaction.map((session) => `idle in transaction: ${session}`));
  return findings;
}

/** Every acknowledged request has its effect, once; a refused one has none; one whose answer was lost has it at most once. */
function checkEffects({ operations, effects }: Facts, findings: Findings): void {
  const counts = new Map(effects.map(({ requestId, count }) => [requestId, count]));
  for (const { kind, requestId, outcome, ids, code } of operations) {
    const count = counts.get(requestId) ?? 0;
    if (outcome === 'acknowledged') {
      findings.acknowledged += 1;
      // An alias that pointed there already does not move, and says so.
      const changes = ids.moved !== false;
      if (count === 0 && changes) findings.lost.push(`${kind} ${requestId} was acknowledged and has no effect`);
    }
    if (outcome === 'refused' && count > 0) findings.other.push(`${kind} ${requestId} was refused (${code}) and has an effect`);
    if (count > 1) findings.doubled.push(`${kind} ${requestId} has its effect ${count} times`);
  }
}

function checkTallies({ tallies }: Facts, findings: Findings): void {
  for (const { what, expected, actual } of tallies) {
    if (actual < expected) findings.lost.push(`${what}: ${actual} of ${expected}`);
    if (actual > expected) findings.doubled.push(`${what}: ${actual} instead of ${expected}`);
  }
}

/** Every outbox row is sent and on its topic; every row of a table that must be told was told. */
function checkOwed({ owedEvents, owedFacts, events }: Facts, findings: Findings): void {
  const onTopic = new Set(events.map(({ topic, id }) => `${topic} ${id}`));
  for (const { service, id, topic, sent } of owedEvents) {
    if (!sent) findings.other.push(`outbox of ${service}: event ${id} for ${topic} waits`);
    else if (!onTopic.has(`${topic} ${id}`))
      findings.lost.push(`event ${id} of ${service} was marked as sent and is not on ${topic}`);
  }
  const fields = new Set(owedFacts.map(({ type, field }) => `${type} ${field}`));
  const told = new Map<string, Set<string>>();
  for (const { type, id, data } of events) {
    for (const [field, value] of Object.entries(data)) {
      if (!fields.has(`${type} ${field}`)) continue;
      const fact = `${type} ${field} ${String(value)}`;
      told.set(fact, (told.get(fact) ?? new Set()).add(id));
    }
  }
  for (const { type, field, value } of owedFacts) {
    const ids = told.get(`${type} ${field} ${value}`)?.size ?? 0;
    if (ids === 0) findings.lost.push(`no ${type} tells of ${field} ${value}`);
    if (ids > 1) findings.doubled.push(`${ids} different ${type} tell of ${field} ${value}`);
  }
}

/** Copies of an event may follow it, even late; the first copies of a key's events must come in the order of their versions. */
function checkOrder({ events, orderedTopics, countedTopics }: Facts, findings: Findings): void {
  const ordered = new Set(orderedTopics);
  const first = new Map<string, TopicEvent>();
  for (const event of events) {
    const name = `${event.topic} ${event.id}`;
    if (ordered.has(event.topic) && event.aggregateVersion > 0 && !first.has(name)) first.set(name, event);
  }
  const byKey = new Map<string, TopicEvent[]>();
  for (const event of first.values()) {
    const key = `${event.topic} ${event.key}`;
    byKey.set(key, [...(byKey.get(key) ?? []), event]);
  }
  for (const [key, list] of byKey) {
    const sorted = [...list].sort((a, b) => (BigInt(a.offset) < BigInt(b.offset) ? -1 : 1));
    if (new Set(sorted.map(({ partition }) => partition)).size > 1) findings.outOfOrder.push(`${key} is on two partitions`);
    sorted.slice(1).forEach((event, index) => {
      const before = sorted[index].aggregateVersion;
      if (event.aggregateVersion <= before)
        findings.outOfOrder.push(`${key}: version ${event.aggregateVersion} (${event.type}) comes after version ${before}`);
    });
  }
  checkGaps(
    [...first.values()].filter(({ topic }) => countedTopics.includes(topic)),
    findings,
  );
}

/** What a consumer holds at the end is what the last event said: one that handled an earlier event after it holds that one's word. */
function checkViews({ views }: Facts, findings: Findings): void {
  for (const { consumer, name, told, held } of views) {
    const last = told.at(-1);
    if (held === last) continue;
    const what = `${consumer} holds ${held ?? 'nothing'} of ${name}; the last event says ${last}`;
    if (held !== undefined && told.includes(held)) findings.outOfOrder.push(what);
    else findings.lost.push(what);
  }
}

/** All events of an aggregate, over all its topics, count its changes: none may be missing. */
function checkGaps(events: readonly TopicEvent[], findings: Findings): void {
  const byAggregate = new Map<string, number[]>();
  for (const { source, key, aggregateVersion } of events) {
    const name = `${source} ${key}`;
    byAggregate.set(name, [...(byAggregate.get(name) ?? []), aggregateVersion]);
  }
  for (const [name, versions] of byAggregate) {
    const sorted = [...versions].sort((a, b) => a - b);
    sorted.slice(1).forEach((version, index) => {
      if (version === sorted[index]) findings.doubled.push(`${name}: two events have version ${version}`);
      if (version > sorted[index] + 1) findings.lost.push(`${name}: version ${sorted[index]} is followed by ${version}`);
    });
  }
}

function checkDeadLetters({ deadLetters }: Facts, findings: Findings, poison: readonly string[]): void {
  const injected = new Set(poison);
  for (const { service, consumer, eventId, code } of deadLetters) {
    if (!injected.has(eventId)) findings.other.push(`dead letter of ${service} ${consumer}: event ${eventId}, ${code}`);
  }
  const found = new Set(deadLetters.map(({ eventId }) => eventId));
  for (const id of injected) if (!found.has(id)) findings.lost.push(`poison ${id} is in no dead letter`);
}

/** True when there is nothing to tell. */
export function isClean({ lost, doubled, outOfOrder, other }: Findings): boolean {
  return lost.length + doubled.length + outOfOrder.length + other.length === 0;
}
