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

const job = (what: string, version: number): TopicEvent =>
  event('training.job.v1', `millrace.training.job-${what}.v1`, version, { jobId: 'ab-12' });

/** What the checker says when the tables of monitoring, ingestion and the registry hold these. */
async function judge(alias: string, feedback: string, run = 'FINISHED'): Promise<string[]> {
  const rows: Record<string, { name: string; value: string }> = {
    monitoring: { name: 'm champion', value: alias },
    ingestion: { name: 'f', value: feedback },
    registry: { name: 'ab12', value: run },
  };
  const ask = (service: string) => Promise.resolve([rows[service]]);
  // As a topic may be read: partition by partition, not in the order of time.
  const events = [retracted, job('succeeded', 3), move(2, 2), move(3, 1), job('started', 2), move(1, 1), accepted, move(4, 2)];
  const { lost, outOfOrder } = check({ ...EMPTY, views: await readConsumerViews(events, ask, () => true) });
  return [...lost, ...outOfOrder];
}

describe('what consumers hold at the end', () => {
  it('is what the last event of each key says', async () => {
    expect(await judge('2', 'retracted')).toEqual([]);
  });

  it('tells of planted disorder: a move handled after a later one, an acceptance after its retraction, a start after the end', async () => {
    expect(await judge('1', 'accepted', 'RUNNING')).toEqual([
      'registry.training-results holds RUNNING of ab12; the last event says FINISHED',
      'monitoring.aliases holds 1 of m champion; the last event says 2',
      'ingestion.feedback holds accepted of f; the last event says retracted',
    ]);
  });
});
