// SPDX-License-Identifier: Apache-2.0
import type { EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs';
import type { BatchOutcome, IncomingMessage, SubscribeOptions } from '../broker';

export interface BatchTools {
  options: SubscribeOptions;
  heartbeatMs: number;
  /** Aborted when the group rebalances or the subscription stops. */
  signal: AbortSignal;
  /** Holds the partition for that long; `resume` lets it go on. */
  pauseFor: (resume: () => void, pauseMs: number) => void;
  now: () => number;
}

const COMMIT_EVERY_MESSAGES = 50;
const COMMIT_EVERY_MS = 1_000;

/**
 * One fetched batch of kafkajs: handled in pieces, resolved and committed as it goes. Errors of heartbeats and commits (a rebalance,
 * mostly) are passed on to kafkajs, which rejoins; handlers never throw in here.
 */
export async function runKafkaBatch(payload: EachBatchPayload, tools: BatchTools): Promise<void> {
  const { batch } = payload;
  const { topic, partition } = batch;
  const { messages } = batch;
  let done = 0;
  let committed = 0;
  let committedAtMs = tools.now();
  // A commit is under way while the next piece is at work, and one at a time, so that the position never goes back: a death costs a
  // repeat of one piece more, waiting at each piece would cost all of them a round trip.
  let committing: Promise<void> = Promise.resolve();
  let refused = false;
  const commit = async (): Promise<void> => {
    await committing;
    const last = messages[done - 1];
    if (!last || done === committed) return;
    committed = done;
    committedAtMs = tools.now();
    // Never consumer.commitOffsets() here: after an eviction it raises an error that kafkajs does not retry.
    committing = payload.commitOffsetsIfNecessary({
      topics: [{ topic, partitions: [{ partition, offset: (BigInt(last.offset) + 1n).toString() }] }],
    });
    // Passed on where it is awaited; a failing heartbeat may end the batch before that.
    committing.catch(() => (refused = true));
  };
  const mayGoOn = (): boolean => payload.isRunning() && !payload.isStale() && !tools.signal.aborted && !refused;
  while (done < messages.length && mayGoOn()) {
    // Piece by piece: what is read of a large batch at once would outlive the young garbage.
    const piece = messages.slice(done, done + tools.options.batchSizeMax).map((message) => toIncoming(topic, partition, message));
    const outcome = await withHeartbeat(
      () => payload.heartbeat(),
      tools,
      () => call(piece, tools),
    );
    const last = piece[outcome.processed - 1];
    if (last) payload.resolveOffset(last.offset);
    done += outcome.processed;
    if (outcome.pauseMs !== undefined) {
      tools.pauseFor(payload.pause(), outcome.pauseMs);
      break;
    }
    await payload.heartbeat();
    if (done - committed >= COMMIT_EVERY_MESSAGES || tools.now() - committedAtMs >= COMMIT_EVERY_MS) await commit();
  }
  await commit();
  await committing;
}

async function call(messages: IncomingMessage[], { options, signal }: BatchTools): Promise<BatchOutcome> {
  const head = messages[0];
  try {
    return await options.onBatch({ topic: head.topic, partition: head.partition, messages, signal });
  } catch {
    // The port says that onBatch must not throw; if it does, the partition waits and the batch comes again.
    return { processed: 0, pauseMs: 1_000 };
  }
}

/** kafkajs sends no heartbeat while a handler runs; without one the group takes the partition away. */
async function withHeartbeat<T>(heartbeat: () => Promise<void>, tools: BatchTools, work: () => Promise<T>): Promise<T> {
  let beating: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    // A failure here (a rebalance) shows again at the heartbeat after the piece, where kafkajs can hear it.
    beating = heartbeat().catch(() => undefined);
  }, tools.heartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
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
    time: new Date(Number(message.timestamp)),
  };
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
