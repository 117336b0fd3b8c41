// SPDX-License-Identifier: Apache-2.0
import type { EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs';
import type { BatchOutcome, IncomingMessage, SubscribeOptions } from '../broker';
import type { PositionCommits } from './position-commits';

export interface BatchTools {
  options: SubscribeOptions;
  heartbeatMs: number;
  /** Aborted when the group has rebalanced or the subscription stops. */
  signal: AbortSignal;
  /** Holds the partition for that long; `resume` lets it go on. */
  pauseFor: (resume: () => void, pauseMs: number) => void;
  now: () => number;
  /** Of the consumer that the batch was fetched by. */
  commits: PositionCommits;
}

const COMMIT_EVERY_MESSAGES = 50;
const COMMIT_EVERY_MS = 1_000;

/**
 * One fetched batch of kafkajs: handled in pieces, resolved and committed as it goes. Errors of heartbeats and commits (a rebalance,
 * mostly) are passed on to kafkajs, which rejoins; handlers never throw in here.
 */
export async function runKafkaBatch(payload: EachBatchPayload, tools: BatchTools): Promise<void> {
  const { topic, partition, messages } = payload.batch;
  const progress = new Progress(payload, tools);
  try {
    while (progress.done < messages.length && mayGoOn(payload, tools) && !progress.isRefused) {
      // Piece by piece: what is read of a large batch at once would outlive the young garbage.
      const piece = messages
        .slice(progress.done, progress.done + tools.options.batchSizeMax)
        .map((message) => toIncoming(topic, partition, message));
      const outcome = await withHeartbeat(
        () => payload.heartbeat(),
        tools,
        (signal) => call(piece, { options: tools.options, signal }),
      );
      const last = piece[outcome.processed - 1];
      if (last) payload.resolveOffset(last.offset);
      progress.done += outcome.processed;
      if (outcome.pauseMs !== undefined) {
        tools.pauseFor(payload.pause(), outcome.pauseMs);
        break;
      }
      await payload.heartbeat();
      // The crash guard knows an event that kills the process by its being the first one after a start. So the position stands before
      // the next event where the host goes event by event to find it, and before the second piece of a partition.
      const mustStand = outcome.processed < piece.length || !progress.hasBegun();
      if (mustStand || progress.isDue()) await progress.commit();
      if (mustStand) await progress.committed();
    }
    await progress.commit();
  } finally {
    // Before kafkajs joins again: the next round must not send what this one left behind.
    await progress.settled();
  }
  await progress.committed();
}

function mayGoOn(payload: EachBatchPayload, { signal }: BatchTools): boolean {
  return payload.isRunning() && !payload.isStale() && !signal.aborted;
}

/**
 * How far a batch is. A commit is under way while the next piece is at work, one at a time, so that the position never goes back: a
 * death costs the repeat of one piece more, waiting at each piece would cost all of them a round trip.
 */
class Progress {
  /** Messages from the front. */
  done = 0;
  private sent = 0;
  private sentAtMs: number;
  private committing: Promise<void> = Promise.resolve();
  private refused = false;

  constructor(
    private readonly payload: EachBatchPayload,
    private readonly tools: BatchTools,
  ) {
    this.sentAtMs = tools.now();
  }

  /** Kafka did not take a position: most likely this process is no member any more. */
  get isRefused(): boolean {
    return this.refused;
  }

  isDue(): boolean {
    return this.done - this.sent >= COMMIT_EVERY_MESSAGES || this.tools.now() - this.sentAtMs >= COMMIT_EVERY_MS;
  }

  /** Sends the position, after the one before was answered. */
  async commit(): Promise<void> {
    await this.committing;
    const { topic, partition, messages } = this.payload.batch;
    const last = messages[this.done - 1];
    if (!last || this.done === this.sent) return;
    this.sent = this.done;
    this.sentAtMs = this.tools.now();
    const position = { topic, partition, offset: (BigInt(last.offset) + 1n).toString() };
    // Never consumer.commitOffsets() here: after an eviction it raises an error that kafkajs does not retry.
    this.committing = this.tools.commits.commit(position, (offsets) => this.payload.commitOffsetsIfNecessary(offsets));
    this.committing.catch(() => (this.refused = true));
  }

  /** Kafka has taken a position of this partition. */
  hasBegun(): boolean {
    return this.tools.commits.hasBegun(this.payload.batch);
  }

  /** Rejects with what Kafka had against the last position. */
  committed(): Promise<void> {
    return this.committing;
  }

  async settled(): Promise<void> {
    await this.committing.catch(() => undefined);
  }
}

async function call(
  messages: IncomingMessage[],
  { options, signal }: Pick<BatchTools, 'options' | 'signal'>,
): Promise<BatchOutcome> {
  const head = messages[0];
  try {
    return await options.onBatch({ topic: head.topic, partition: head.partition, messages, signal });
  } catch {
    // The port says that onBatch must not throw; if it does, the partition waits and the batch comes again.
    return { processed: 0, pauseMs: 1_000 };
  }
}

/**
 * kafkajs sends no heartbeat while a handler runs; without one the group takes the partition away. A heartbeat that is refused is the
 * only sign of a rebalance while there is work in hand (kafkajs tells of it when all batches have ended): the whole group waits for it
 * then, so the work ends after the event in hand.
 */
async function withHeartbeat<T>(
  heartbeat: () => Promise<void>,
  tools: BatchTools,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const end = new AbortController();
  const abort = (): void => end.abort(tools.signal.reason);
  // Not AbortSignal.any: on Node 20 each of them would stay with the signal of the round, which lives for days.
  tools.signal.addEventListener('abort', abort, { once: true });
  let beating: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    // It shows again at the heartbeat after the piece, where kafkajs can hear it.
    beating = heartbeat().catch((error: unknown) => end.abort(error));
  }, tools.heartbeatMs);
  try {
    return await work(end.signal);
  } finally {
    clearInterval(timer);
    tools.signal.removeEventListener('abort', abort);
    await beating;
  }
}

function toIncoming(topic: string, partition: number, message: KafkaMessage): IncomingMessage {
  return {
    topic,
    partition,
    offset: message.offset,
    key: message.key === null ? null : message.key.toString('utf8'),
    value: message.value,
    headers: toText(message.headers),
    time: timeOf(message),
  };
}

const LAST_MS = Date.UTC(9999, 11, 31);

/** Producers may write any 64-bit number as the time; past what a date can hold its dead letter could not be written either. */
function timeOf({ timestamp }: KafkaMessage): Date {
  return new Date(Math.min(Math.max(Number(timestamp), 0), LAST_MS));
}

function toText(headers: IHeaders | undefined): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    // A repeated header counts once, the last time, as in the Java client's lastHeader().
    const last: Buffer | string | null | undefined = Array.isArray(value) ? value.at(-1) : value;
    // Kafka has headers without a value; kafkajs' types do not say so.
    if (last !== undefined && last !== null) plain[name] = last.toString();
  }
  return plain;
}
