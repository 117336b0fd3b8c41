// SPDX-License-Identifier: Apache-2.0
import type { Metrics } from '#libs/observability';
import type { OutboxBacklog } from './outbox-backlog';

/** All figures of this library, declared once. Labels: `consumer` and `topic` come from code, `outcome` and `code` from closed sets. */
export function messagingMetrics(metrics: Metrics) {
  return {
    outboxSent: metrics.counter({ name: 'outbox_sent_events_total', help: 'Events sent to the broker.' }),
    relayFailures: metrics.counter({
      name: 'relay_failures_total',
      help: 'Failed attempts to send from the outbox.',
      labelNames: ['code'],
    }),
    relayLeader: metrics.gauge({ name: 'relay_leader_bool', help: '1 while this process sends the outbox of its service.' }),
    handlerSeconds: metrics.histogram({
      name: 'handler_seconds',
      help: 'Time of one handler call with its transaction.',
      labelNames: ['consumer', 'outcome'],
    }),
    events: metrics.counter({
      name: 'consumer_events_total',
      help: 'Events by what became of them.',
      labelNames: ['consumer', 'outcome'],
    }),
    duplicates: metrics.counter({
      name: 'inbox_duplicates_total',
      help: 'Events that had been handled before.',
      labelNames: ['consumer'],
    }),
    deadLetters: metrics.counter({
      name: 'dead_letters_total',
      help: 'Messages put aside.',
      labelNames: ['code'],
    }),
  };
}

export type MessagingMetrics = ReturnType<typeof messagingMetrics>;

const EVENT_OUTCOMES = ['done', 'dead-lettered', 'skipped', 'postponed'];

/** Shows a consumer's events as 0 before it has any: its first ones are an increase then. */
export function showConsumer(figures: MessagingMetrics, consumer: string): void {
  figures.duplicates.inc({ consumer }, 0);
  for (const outcome of EVENT_OUTCOMES) figures.events.inc({ consumer, outcome }, 0);
}

/** What is read at each scrape: the outbox, lag, dead letters, heartbeat age, rebuilds. */
export interface ScrapeSources {
  outbox: () => Promise<OutboxBacklog>;
  lag: () => Promise<{ consumer: string; topic: string; lag: number }[]>;
  deadLetters: () => Promise<{ consumer: string; open: string; oldestSeconds: number }[]>;
  consumers: () => { consumer: string; heartbeatAgeSeconds: number; rebuilds: number; offsetResets: number }[];
}

export function registerScrapes(metrics: Metrics, sources: ScrapeSources): void {
  const outbox = inTime(sources.outbox, SCRAPE_MS_MAX);
  metrics.gauge({
    name: 'outbox_oldest_age_seconds',
    help: 'Age of the oldest event not sent yet; 0 when none waits. The same from every process of the service.',
    collect: async (gauge) => {
      const backlog = await outbox();
      if (backlog) gauge.set(backlog.oldestSeconds);
    },
  });
  metrics.gauge({
    name: 'outbox_waiting_events',
    help: 'Events not sent yet, counted up to 10,000. The same from every process of the service.',
    collect: async (gauge) => {
      const backlog = await outbox();
      if (backlog) gauge.set(backlog.waiting);
    },
  });
  const lag = inTime(sources.lag, SCRAPE_MS_MAX);
  metrics.gauge({
    name: 'consumer_lag_events',
    help: 'Events written and not committed by the consumer.',
    labelNames: ['consumer', 'topic'],
    collect: async (gauge) => {
      const rows = await lag();
      if (!rows) return; // the broker does not answer: the last figures stay, and all others are given out in time
      gauge.reset();
      for (const { consumer, topic, lag } of rows) gauge.inc({ consumer, topic }, lag);
    },
  });
  const deadLetters = inTime(sources.deadLetters, SCRAPE_MS_MAX);
  metrics.gauge({
    name: 'dead_letters_oldest_age_seconds',
    help: 'Age of the oldest dead letter that nobody resolved.',
    labelNames: ['consumer'],
    collect: async (gauge) => {
      const rows = await deadLetters();
      if (!rows) return;
      gauge.reset();
      for (const { consumer, oldestSeconds } of rows) gauge.set({ consumer }, oldestSeconds);
    },
  });
  metrics.gauge({
    name: 'dead_letters_open_events',
    help: 'Dead letters that nobody resolved.',
    labelNames: ['consumer'],
    collect: async (gauge) => {
      const rows = await deadLetters();
      if (!rows) return;
      gauge.reset();
      for (const { consumer, open } of rows) gauge.set({ consumer }, Number(open));
    },
  });
  registerMembers(metrics, sources.consumers);
}

function registerMembers(metrics: Metrics, consumers: ScrapeSources['consumers']): void {
  metrics.gauge({
    name: 'consumer_rebuilds_count',
    help: 'Times that a consumer of this process crashed and was built again.',
    labelNames: ['consumer'],
    collect: (gauge) => consumers().forEach(({ consumer, rebuilds }) => gauge.set({ consumer }, rebuilds)),
  });
  metrics.gauge({
    name: 'consumer_offset_resets_count',
    help: 'Times that the position of a consumer of this process was not in its topic any more: events may have been missed.',
    labelNames: ['consumer'],
    collect: (gauge) => consumers().forEach(({ consumer, offsetResets }) => gauge.set({ consumer }, offsetResets)),
  });
  metrics.gauge({
    name: 'consumer_heartbeat_age_seconds',
    help: 'Seconds since the broker last confirmed the membership.',
    labelNames: ['consumer'],
    collect: (gauge) => consumers().forEach(({ consumer, heartbeatAgeSeconds }) => gauge.set({ consumer }, heartbeatAgeSeconds)),
  });
}

/** A broker or a database that accepts and never answers must not cost all figures of the process. */
const SCRAPE_MS_MAX = 2_000;

/** Asks one question at a time, and waits for its answer no longer than that; undefined when it is late. What it throws is thrown on. */
function inTime<T>(ask: () => Promise<T>, limitMs: number): () => Promise<T | undefined> {
  let asking: Promise<T> | undefined;
  return async () => {
    if (!asking) {
      const question = ask().finally(() => (asking = undefined));
      // Who gave up waiting does not hear of a late failure; the next scrape asks again and does.
      question.catch(() => undefined);
      asking = question;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), limitMs);
    });
    try {
      return await Promise.race([asking, late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
