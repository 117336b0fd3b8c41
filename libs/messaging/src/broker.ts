// SPDX-License-Identifier: Apache-2.0

/** A message to send. Messages with the same topic and key keep their order. */
export interface OutgoingMessage {
  topic: string;
  key: string | null;
  value: Buffer | string | null;
  headers: Record<string, string>;
}

/** A message as the broker has it. `offset` counts up within the partition, with gaps. */
export interface IncomingMessage {
  topic: string;
  partition: number;
  offset: string;
  key: string | null;
  value: Buffer | null;
  headers: Record<string, string>;
  /** When the broker (or the producer, on Kafka) says it was written. */
  time: Date;
}

/** Consecutive messages of one partition. `signal` is aborted when the partition is taken away or the consumer stops. */
export interface MessageBatch {
  topic: string;
  partition: number;
  messages: IncomingMessage[];
  signal: AbortSignal;
}

/**
 * How far a batch was handled: the first `processed` messages are done and will be committed. `pauseMs` holds the partition
 * for that long; then everything after the processed ones comes again.
 */
export interface BatchOutcome {
  processed: number;
  pauseMs?: number;
}

export interface SubscribeOptions {
  group: string;
  topics: readonly string[];
  /** Most messages per call of `onBatch`. */
  batchSizeMax: number;
  /** Bytes that one fetch brings of a partition, where the broker is asked by bytes. Default 256 KiB. */
  fetchBytesMax?: number;
  /** Most partitions handled at the same time by this member. */
  partitionsConcurrentMax: number;
  /** Handles a batch; batches of one partition come one after the other. Must not throw: what it throws pauses the partition. */
  onBatch(batch: MessageBatch): Promise<BatchOutcome>;
  /** The subscription cannot go on by itself; the process should end. */
  onFatal(error: unknown): void;
}

/** A running membership in a group. */
export interface Subscription {
  /** Partitions that this member owns now, as 'topic/partition', sorted. */
  assignment(): string[];
  /** What is wrong, or undefined. */
  trouble(): string | undefined;
  /** Milliseconds since the membership was last confirmed by the broker. */
  heartbeatAgeMs(): number;
  /** Times that the consumer crashed and was built again. */
  rebuilds(): number;
  /** Times that its position was not in a topic any more, so that events may have been missed. Only where topics can lose messages. */
  offsetResets?(): number;
  /** Ends intake, waits for the batch in hand, commits, and hands the partitions over. */
  stop(): Promise<void>;
}

/** Size and life of a topic; a subset of what libs/contracts says about it. */
export interface TopicSpec {
  name: string;
  partitions: number;
  retentionDays: number;
}

export interface PartitionLag {
  topic: string;
  partition: number;
  /** Messages written and not committed by the group. */
  lag: number;
}

/**
 * The message broker as the rest of Millrace sees it: order per key, at least once, groups that share partitions.
 * One contract suite runs on every implementation (test/broker-contract.ts).
 */
export abstract class Broker {
  abstract readonly kind: 'event-log' | 'kafka';
  abstract start(): Promise<void>;
  /** Resolves when every message is durably written; on failure some may be written (send again: at least once). */
  abstract publish(messages: readonly OutgoingMessage[]): Promise<void>;
  abstract subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Creates what is missing; refuses to change the partitions of a topic that exists. */
  abstract ensureTopics(topics: readonly TopicSpec[]): Promise<void>;
  abstract lag(group: string): Promise<PartitionLag[]>;
  /** Throws when the broker does not answer. */
  abstract check(): Promise<void>;
  /** Ends all subscriptions and connections. */
  abstract close(): Promise<void>;
}
