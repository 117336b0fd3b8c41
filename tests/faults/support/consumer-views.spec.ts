// SPDX-License-Identifier: Apache-2.0
import { check } from './checker';
import { readConsumerViews } from './consumer-views';
import type { Facts, TopicEvent } from './facts';

function event(topic: string, type: string, aggregateVersion: number, data: Record<string, unknown>): TopicEvent {
  const [id, offset] = [`e-${aggregateVersion}`, String(aggregateVersion)];
  return { topic, partition: 0, offset, key: 'k', id, type, source: 's', aggregateVersion, data };
}

const move = (version: number, toVersion: number): TopicEvent =>
  event('registry.alias.v1', 'millrace.registry.alias-moved.v1', version, { modelName: 'm', alias: 'champion', toVersion });
const accepted = event('monitoring.feedback.v1', 'millrace.monitoring.feedback-accepted.v1', 1, {
  feedbackId: 'f',
  modelName: 'm',
});
const retracted = event('monitoring.feedback.v1', 'millrace.monitoring.feedback-retracted.v1', 2, { feedbackIds: ['f'] });

const EMPTY: Facts = {
  operations: [],
  effects: [],
  tallies: [],
  unfinished: [],
  owedEvents: [],
  owedFacts: [],
  events: [],
  orderedTopics: [],
  countedTopics: [],
  views: [],
  deadLetters: [],
  idleInTransaction: [],
};

/** What the checker says when monitoring's table and ingestion's hold these. */
async function judge(alias: string, feedback: string): Promise<string[]> {
  const ask = (service: string) =>
    Promise.resolve(service === 'monitoring' ? [{ name: 'm champion', value: alias }] : [{ name: 'f', value: feedback }]);
  // As a topic may be read: partition by partition, not in the order of time.
  const events = [retracted, move(2, 2), move(3, 1), move(1, 1), accepted, move(4, 2)];
  const { lost, outOfOrder } = check({ ...EMPTY, views: await readConsumerViews(events, ask, () => true) });
  return [...lost, ...outOfOrder];
}

describe('what consumers hold at the end', () => {
  it('is what the last event of each key says', async () => {
    expect(await judge('2', 'retracted')).toEqual([]);
  });

  it('tells of planted disorder: a move handled after a later one, an acceptance after its retraction', async () => {
    expect(await judge('1', 'accepted')).toEqual([
      'monitoring.aliases holds 1 of m champion; the last event says 2',
      'ingestion.feedback holds accepted of f; the last event says retracted',
    ]);
  });
});
