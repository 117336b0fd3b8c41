// SPDX-License-Identifier: Apache-2.0
import { check, isClean } from './checker';
import type { Facts, TopicEvent } from './facts';
import type { Operation } from './operation';

const COMMITTED = 'millrace.ingestion.dataset-version-committed.v1';
const TOPIC = 'ingestion.dataset-version.v1';

function operation(requestId: string, change: Partial<Operation> = {}): Operation {
  return { kind: 'uploads', requestId, outcome: 'acknowledged', ids: {}, tries: 1, startedMs: 0, endedMs: 1, ...change };
}

function event(number: number, change: Partial<TopicEvent> = {}): TopicEvent {
  return {
    topic: TOPIC,
    partition: 0,
    offset: String(number),
    key: 'v-1',
    id: `e-${number}`,
    type: COMMITTED,
    source: 'millrace/ingestion',
    aggregateVersion: number,
    data: { versionId: `v-${number}` },
    ...change,
  };
}

/** Two uploads, both told in order, nothing wrong. */
function soundFacts(change: Partial<Facts> = {}): Facts {
  return {
    operations: [operation('r-1'), operation('r-2')],
    effects: [
      { requestId: 'r-1', count: 1 },
      { requestId: 'r-2', count: 1 },
    ],
    tallies: [{ what: 'profiles', expected: 2, actual: 2 }],
    unfinished: [],
    owedEvents: [1, 2].map((number) => ({ service: 'ingestion', id: `e-${number}`, topic: TOPIC, sent: true })),
    owedFacts: [1, 2].map((number) => ({ type: COMMITTED, field: 'versionId', value: `v-${number}` })),
    events: [event(1), event(2)],
    orderedTopics: [TOPIC],
    countedTopics: [TOPIC],
    views: [{ consumer: 'monitoring.aliases', name: 'm champion', told: ['1', '2', '1', '2'], held: '2' }],
    deadLetters: [],
    idleInTransaction: [],
    ...change,
  };
}

describe('the checker', () => {
  it('finds nothing where all is well, copies of an event included', () => {
    expect(isClean(check(soundFacts()))).toBe(true);
    const copied = soundFacts({ events: [event(1), event(2), event(1, { offset: '3' }), event(2, { offset: '4' })] });
    expect(check(copied)).toEqual({ lost: [], doubled: [], outOfOrder: [], other: [], acknowledged: 2 });
  });

  it('finds a planted loss of a row, an event, a told fact, a numbered change, an effect elsewhere', () => {
    expect(check(soundFacts({ effects: [{ requestId: 'r-1', count: 1 }] })).lost).toEqual([
      'uploads r-2 was acknowledged and has no effect',
    ]);
    expect(check(soundFacts({ events: [event(1)] })).lost).toEqual([
      `event e-2 of ingestion was marked as sent and is not on ${TOPIC}`,
      `no ${COMMITTED} tells of versionId v-2`,
    ]);
    expect(check(soundFacts({ events: [event(1), event(2), event(4)] })).lost).toEqual([
      'millrace/ingestion v-1: version 2 is followed by 4',
    ]);
    expect(check(soundFacts({ tallies: [{ what: 'profiles', expected: 2, actual: 1 }] })).lost).toEqual(['profiles: 1 of 2']);
  });

  it('finds a planted double of an effect, a sum, a fact told by two events, a version given twice', () => {
    expect(check(soundFacts({ effects: [1, 2].map((n) => ({ requestId: `r-${n}`, count: n })) })).doubled).toEqual([
      'uploads r-2 has its effect 2 times',
    ]);
    expect(check(soundFacts({ tallies: [{ what: 'requests', expected: 2, actual: 3 }] })).doubled).toEqual([
      'requests: 3 instead of 2',
    ]);
    const twice = event(3, { data: { versionId: 'v-2' } });
    expect(check(soundFacts({ events: [event(1), event(2), twice] })).doubled).toEqual([
      `2 different ${COMMITTED} tell of versionId v-2`,
    ]);
    const again = event(3, { aggregateVersion: 2, data: {} });
    expect(check(soundFacts({ events: [event(1), event(2), again] })).doubled).toEqual([
      'millrace/ingestion v-1: two events have version 2',
    ]);
  });

  it('finds planted disorder: a later version first, and a key on two partitions', () => {
    const swapped = [event(1, { offset: '2' }), event(2, { offset: '1' })];
    expect(check(soundFacts({ events: swapped })).outOfOrder).toEqual([
      `${TOPIC} v-1: version 1 (${COMMITTED}) comes after version 2`,
    ]);
    expect(check(soundFacts({ events: [event(1), event(2, { partition: 1 })] })).outOfOrder).toEqual([
      `${TOPIC} v-1 is on two partitions`,
    ]);
  });

  it('finds a consumer that handled an earlier event last, and one that missed the last', () => {
    const [view] = soundFacts().views;
    expect(check(soundFacts({ views: [{ ...view, held: '1' }] })).outOfOrder).toEqual([
      'monitoring.aliases holds 1 of m champion; the last event says 2',
    ]);
    expect(check(soundFacts({ views: [{ ...view, held: undefined }] })).lost).toEqual([
      'monitoring.aliases holds nothing of m champion; the last event says 2',
    ]);
  });

  it('finds a stuck outbox, work without an end, an open transaction', () => {
    const stuck = soundFacts({ owedEvents: [{ service: 'ingestion', id: 'e-9', topic: TOPIC, sent: false }] });
    expect(check(stuck).other).toEqual([`outbox of ingestion: event e-9 for ${TOPIC} waits`]);
    expect(check(soundFacts({ unfinished: ['job j is running'] })).other).toEqual(['job j is running']);
    expect(check(soundFacts({ idleInTransaction: ['x'] })).other).toEqual(['idle in transaction: x']);
  });

  it('finds dead letters that nobody injected, and poison that vanished', () => {
    const letter = { service: 'monitoring', consumer: 'monitoring.feedback', eventId: 'p-1', code: 'X' };
    expect(check(soundFacts({ deadLetters: [letter] })).other).toHaveLength(1);
    expect(isClean(check(soundFacts({ deadLetters: [letter] }), { poisonIds: () => ['p-1'] }))).toBe(true);
    expect(check(soundFacts(), { poisonIds: () => ['p-1'] }).lost).toEqual(['poison p-1 is in no dead letter']);
  });

  it('finds a refused request with an effect; allows an unanswered one with at most one', () => {
    const refused = operation('r-2', { outcome: 'refused', code: '409' });
    expect(check(soundFacts({ operations: [operation('r-1'), refused] })).other).toEqual([
      'uploads r-2 was refused (409) and has an effect',
    ]);
    const unanswered = [operation('r-1', { outcome: 'unknown' }), operation('r-2', { outcome: 'unknown' })];
    const effects = [{ requestId: 'r-1', count: 1 }];
    expect(isClean(check(soundFacts({ operations: unanswered, effects })))).toBe(true);
  });
});
