// SPDX-License-Identifier: Apache-2.0
import { Events } from '#libs/contracts';
import type { ServiceName } from '../../../deploy/local/processes';
import type { ConsumerView, TopicEvent } from './facts';

/** What a consumer of an ordered topic holds at the end, beside what the events of its topic say, in their order, of the same names. */
interface ViewRule {
  consumer: string;
  /** The service whose database it is, and rows of name and value. */
  held: [ServiceName, string];
  /** What an event says; empty when it is about something else. */
  says(event: TopicEvent): { name: string; value: string }[];
}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

const RUN_STATES: Readonly<Record<string, string>> = {
  [Events.JobStarted.type]: 'RUNNING',
  [Events.JobSucceeded.type]: 'FINISHED',
  [Events.JobFailed.type]: 'FAILED',
  [Events.JobCancelled.type]: 'KILLED',
};

const RULES: ViewRule[] = [
  {
    consumer: 'registry.training-results',
    // The id of a run is that of its job without hyphens.
    held: ['registry', `select id as name, status as value from runs where workspace = $1 and status <> 'SCHEDULED'`],
    says: ({ type, data }) =>
      RUN_STATES[type] === undefined ? [] : [{ name: text(data.jobId).replaceAll('-', ''), value: RUN_STATES[type] }],
  },
  {
    consumer: 'monitoring.aliases',
    held: [
      'monitoring',
      `select model_name || ' ' || alias as name, version::text as value from served_models where workspace = $1`,
    ],
    says: ({ type, data }) =>
      type === Events.AliasMoved.type
        ? [{ name: `${text(data.modelName)} ${text(data.alias)}`, value: text(data.toVersion) }]
        : [],
  },
  {
    consumer: 'ingestion.feedback',
    held: [
      'ingestion',
      `select coalesce(f.id, r.feedback_id) as name, case when r.feedback_id is null then 'accepted' else 'retracted' end as value
       from (select id from feedback where workspace = $1) f
       full join (select feedback_id from feedback_retractions where workspace = $1) r on r.feedback_id = f.id`,
    ],
    says: ({ type, data }) => {
      if (type === Events.FeedbackRetracted.type)
        return (data.feedbackIds as string[]).map((name) => ({ name, value: 'retracted' }));
      // Without a model it is told again, with one, and only that is kept.
      const kept = type === Events.FeedbackAccepted.type && text(data.modelName) !== '';
      return kept ? [{ name: text(data.feedbackId), value: 'accepted' }] : [];
    },
  },
];

/** Compares each consumer's rows with what the events say, copies left out; in the order of the versions of their key. */
export async function readConsumerViews(
  events: readonly TopicEvent[],
  ask: (service: ServiceName, sql: string) => Promise<{ name: string; value: string }[]>,
  has: (service: ServiceName) => boolean,
): Promise<ConsumerView[]> {
  const inOrder = [...events].sort((a, b) => a.aggregateVersion - b.aggregateVersion);
  const views: ConsumerView[] = [];
  for (const { consumer, held, says } of RULES.filter((rule) => has(rule.held[0]))) {
    const told = new Map<string, string[]>();
    for (const { name, value } of inOrder.flatMap((event) => says(event))) {
      const values = told.get(name) ?? [];
      told.set(name, [...values, value]);
    }
    const rows = new Map((await ask(...held)).map(({ name, value }) => [name, value]));
    for (const [name, values] of told) views.push({ consumer, name, told: values, held: rows.get(name) });
  }
  return views;
}
