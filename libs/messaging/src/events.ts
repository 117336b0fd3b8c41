// SPDX-License-Identifier: Apache-2.0
import type { EventDefinition } from '#libs/contracts';
import type { Transaction } from '#libs/persistence';

/** An event as a handler gets it. */
export interface ReceivedEvent<T = unknown> {
  id: string;
  source: string;
  type: string;
  subject: string;
  time: Date;
  workspace: string;
  aggregateId: string;
  /** Counts up by one per change of the aggregate; 0 when the producer keeps none. */
  aggregateVersion: number;
  traceparent?: string;
  data: T;
  topic: string;
  partition: number;
  offset: string;
  key: string | null;
  headers: Record<string, string>;
  /** 1 on the first delivery to this process. */
  attempt: number;
}

/** What a consumer does with one type of event (or with everything on a public topic). Made by `on`, `onBatch`, `onRaw`, `onRawBatch`. */
export interface EventHandler {
  readonly topic: string;
  /** CloudEvents type; undefined takes every type of the topic. */
  readonly type?: string;
  readonly batch: boolean;
  /** True: the handler's own unique keys make the effect happen once, and no inbox rows are written. See `onRawBatch`. */
  readonly ownsDuplicates?: boolean;
  decode(json: unknown): unknown;
  /**
   * The transaction also holds the inbox rows: the effect happens once per event, or not at all. A handler that owns its duplicates
   * gives back how many of the events were new.
   */
  handle(events: ReceivedEvent<never>[], tx: Transaction): Promise<number | void>;
}

/** A slice of a service that reacts to events. Each has a group of its own: `<service>.<slice>`. */
export abstract class EventConsumer {
  abstract readonly group: string;
  abstract readonly handlers: EventHandler[];
  readonly batch?: BatchBounds;
}

/** How much of one partition a consumer takes at a time. */
export interface BatchBounds {
  /** Events per handler call. */
  sizeMax: number;
  /**
   * Bytes that one fetch from Kafka brings of a partition (a larger message comes alone). Default 256 KiB. All partitions together get
   * at most 10 MiB (kafkajs' `maxBytes`): with more than that waiting, the last ones come only when others run dry.
   */
  fetchBytesMax?: number;
  /**
   * How long a piece of one partition waits for pieces of others, to be handled with them in one transaction of up to `sizeMax` events.
   * Default: each partition by itself. For handlers of batches that read no meaning into a partition. A handler that hangs holds up
   * all of the partitions in the transaction, for its time limit.
   */
  gatherMs?: number;
  /** Partitions at work at the same time; at most the handlers that run at a time in the process. Default: that of the process. */
  partitionsConcurrentMax?: number;
}

type One<T> = (event: ReceivedEvent<T>, tx: Transaction) => Promise<void>;
type Many<T> = (events: ReceivedEvent<T>[], tx: Transaction) => Promise<void>;
type Counting = (events: ReceivedEvent[], tx: Transaction) => Promise<number>;

/** One event, one transaction. */
export function on<T>(definition: EventDefinition<T>, handle: One<T>): EventHandler {
  return single(definition.topic, definition.type, (json) => definition.fromJSON(json), handle);
}

/** The new events of a batch (duplicates removed, order kept), one transaction. On failure the batch is split to find the culprit. */
export function onBatch<T>(definition: EventDefinition<T>, handle: Many<T>): EventHandler {
  const { topic, type } = definition;
  return { topic, type, batch: true, decode: (json) => definition.fromJSON(json), handle: handle };
}

/** Any CloudEvent on a public input topic, of whatever type; `data` is what the producer wrote. */
export function onRaw(topic: string, handle: One<unknown>): EventHandler {
  return single(topic, undefined, (json) => json, handle);
}

/**
 * As `onRaw`, in batches. `ownsDuplicates`: the table that the handler fills is itself unique by workspace, source and event id, so
 * an inbox row per event would only say the same again. Such a handler must write all of its effect behind that key, in `tx`, and
 * return how many events were new. An event that it puts aside has an inbox row all the same, and does not come again.
 */
export function onRawBatch(topic: string, handle: Many<unknown>): EventHandler;
export function onRawBatch(topic: string, handle: Counting, options: { ownsDuplicates: true }): EventHandler;
export function onRawBatch(topic: string, handle: Many<unknown> | Counting, options?: { ownsDuplicates: true }): EventHandler {
  return { topic, batch: true, ...options, decode: (json) => json, handle };
}

function single(topic: string, type: string | undefined, decode: (json: unknown) => unknown, handle: One<never>): EventHandler {
  return {
    topic,
    ...(type === undefined ? {} : { type }),
    batch: false,
    decode,
    handle: async (events, tx) => {
      for (const event of events) await handle(event, tx);
    },
  };
}
