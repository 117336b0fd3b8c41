// SPDX-License-Identifier: Apache-2.0
import type { Operation } from './operation';

/** How often the effect of one request is in the tables of the service that took it. */
export interface Effect {
  requestId: string;
  count: number;
}

/** Two numbers that must be the same once everything is quiet: what one service knows, and what another must have learned. */
export interface Tally {
  what: string;
  expected: number;
  actual: number;
}

/** An event as the outbox of its service says that it must be on its topic. */
export interface OwedEvent {
  service: string;
  id: string;
  topic: string;
  sent: boolean;
}

/** A message of a topic. */
export interface TopicEvent {
  topic: string;
  partition: number;
  offset: string;
  key: string;
  id: string;
  type: string;
  source: string;
  aggregateVersion: number;
  data: Record<string, unknown>;
}

/** What a row says must be told: an event of this type with this value in this field of its data. */
export interface OwedFact {
  type: string;
  field: string;
  value: string;
}

/** What a consumer of an ordered topic holds of one thing at the end, beside all that its key's events said of it, in their order. */
export interface ConsumerView {
  consumer: string;
  name: string;
  told: readonly string[];
  /** Undefined when it holds nothing. */
  held: string | undefined;
}

export interface DeadLetterFact {
  service: string;
  consumer: string;
  eventId: string;
  code: string;
}

/** Everything the checker judges: read from databases and topics, and what the callers were told. */
export interface Facts {
  operations: readonly Operation[];
  effects: readonly Effect[];
  tallies: readonly Tally[];
  /** Work that has not come to an end yet, in words. */
  unfinished: readonly string[];
  owedEvents: readonly OwedEvent[];
  owedFacts: readonly OwedFact[];
  events: readonly TopicEvent[];
  /** Topics whose order per key is promised. */
  orderedTopics: readonly string[];
  /** Topics whose aggregates count nothing but published changes: a missing number is a missing event. */
  countedTopics: readonly string[];
  views: readonly ConsumerView[];
  deadLetters: readonly DeadLetterFact[];
  /** Sessions that sit in an open transaction, in words. */
  idleInTransaction: readonly string[];
}
