// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { hasCode, toAppError } from '#libs/errors';
import { EventPublisher } from '#libs/messaging';
import { Logger } from '#libs/observability';
import { UnitOfWork } from '#libs/persistence';
import { BackgroundLoop } from '../background-loop';
import { GatewaySettings } from '../config';
import { GatewayMetrics } from '../gateway.metrics';
import { toInferenceCompleted, type Inference } from './inference';
import { InferenceJournal } from './inference-journal';
import { batchFrom, InferenceQueue, type DropReason } from './inference-queue';

const JOURNAL_LOOK_MS = 10_000;
// An empty queue is not looked at: who puts something in sees to it.
const REST_MS = 60_000;
// Of the data: data exceptions and integrity constraints.
const SQLSTATE_OF_DATA = /^2[23]/;
const KINDS_OF_DATA = ['invalid', 'precondition', 'already-exists', 'internal'];

/**
 * Writes finished requests as events: callers never wait for the database. While it is away the queue holds them, and a journal
 * on disk keeps them over a kill; a batch whose data is refused is halved until the one that is refused is found.
 */
@Injectable()
export class RecordInferences {
  readonly queue: InferenceQueue;
  private readonly loop: BackgroundLoop;
  private readonly flushMs: number;
  private flushTimer: NodeJS.Timeout | undefined;
  private readonly journal: InferenceJournal;
  private readonly journalLoop: BackgroundLoop;
  private loggedAtMs = -Infinity;
  private unprotectedSeen = 0;
  // Ids of events that are refused, in batches that are not through yet: a batch comes again when the rest of it finds an outage.
  private readonly givenUp = new Set<string>();

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly publisher: EventPublisher,
    private readonly metrics: GatewayMetrics,
    private readonly logger: Logger,
    private readonly settings: GatewaySettings,
  ) {
    this.queue = new InferenceQueue(settings.eventQueueMax, settings.eventQueueBytesMax);
    const work = async (): Promise<boolean> => {
      const more = await this.flush();
      if (this.queue.size > 0) this.flushSoon();
      return more;
    };
    this.flushMs = settings.eventFlushMs;
    this.loop = new BackgroundLoop({ name: 'inference-events', intervalMs: this.flushMs, restMs: REST_MS, work, logger });
    this.journal = new InferenceJournal(settings.workDir, (error) =>
      logger.error({ err: error }, 'inference events cannot be kept on disk; a kill now would lose those of the last moment'),
    );
    this.journalLoop = new BackgroundLoop({
      name: 'inference-journal',
      intervalMs: JOURNAL_LOOK_MS,
      work: () => this.recover(),
      logger,
    });
  }

  /** Resolves when a kill of this process can no longer lose the event, some 0.1 ms later; the answer may end then. */
  async execute(inference: Inference): Promise<void> {
    const queued = this.queue.push(inference);
    this.metrics.eventsQueued.set(this.queue.size);
    if (!queued) return this.noteDrop(inference, 'queue-full');
    this.flushSoon();
    await this.journal.append(inference);
  }

  /** The journal is open when this resolves, or the failure is logged and tried again. */
  async start(): Promise<void> {
    this.loop.start();
    try {
      await this.journal.touch();
    } catch (error) {
      this.logger.error({ err: error }, 'the journal of inference events cannot be opened (WORK_DIR)');
    }
    this.journalLoop.start();
  }

  /** Writes everything that waits. What cannot be written within the time is left to the journal, or listed as dropped. */
  async drain(withinMs: number): Promise<void> {
    await Promise.all([this.loop.stop(), this.journalLoop.stop()]);
    clearTimeout(this.flushTimer);
    const end = performance.now() + withinMs;
    while (this.queue.size > 0 && performance.now() < end) {
      try {
        await this.flush();
      } catch (error) {
        this.logger.warn({ err: error, queued: this.queue.size }, 'inference events not written at shutdown, trying again');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    this.leave();
    await this.journal.close();
  }

  // What the next process on this folder writes is not lost, unless the folder ends with this one.
  private leave(): void {
    const waiting = this.queue.peek(this.queue.size).filter(({ inferenceId }) => !this.givenUp.has(inferenceId));
    const lost = waiting.filter((inference) => !this.settings.workDirOutlivesProcess || !this.journal.holds(inference));
    for (const inference of lost) {
      this.queue.drop(inference, 'shutdown');
      this.noteDrop(inference, 'shutdown');
    }
    const counts = { dropped: lost.length, kept: waiting.length - lost.length };
    if (waiting.length > 0) this.logger.warn(counts, 'inference events not written at shutdown');
    this.queue.remove(this.queue.size);
  }

  /** Writes one batch; throws when the database is away. True when there are more than one batch takes. */
  async flush(): Promise<boolean> {
    const batch = this.queue.batch();
    if (batch.length === 0) return false;
    await this.write(batch);
    this.settle(batch);
    this.queue.remove(batch.length);
    this.metrics.eventsQueued.set(this.queue.size);
    await this.journal.forget(batch);
    return this.queue.batch().length < this.queue.size;
  }

  /** Those that come until then go along. What fails is tried again by the loop itself. */
  private flushSoon(): void {
    this.flushTimer ??= setTimeout(() => {
      this.flushTimer = undefined;
      this.loop.nudge();
    }, this.flushMs).unref();
  }

  // Writes what an ended process had answered and not told; a file goes only when all of it is in the outbox.
  private async recover(): Promise<boolean> {
    await this.journal.touch();
    this.metrics.eventsUnprotected.inc(this.journal.unprotected - this.unprotectedSeen);
    this.unprotectedSeen = this.journal.unprotected;
    for await (const orphan of this.journal.orphans(Date.now())) {
      for (let written = 0; written < orphan.inferences.length;) {
        const batch = batchFrom(orphan.inferences, written);
        await this.write(batch);
        written += batch.length;
      }
      await this.journal.discard(orphan);
      this.settle(orphan.inferences);
      this.metrics.eventsRecovered.inc(orphan.inferences.length);
      const { inferences, unreadable } = orphan;
      this.logger.warn({ events: inferences.length, unreadable }, 'wrote the inference events of a process that was killed');
    }
    return false;
  }

  private async write(batch: Inference[]): Promise<void> {
    try {
      await this.unitOfWork.run((tx) => this.publish(tx, batch).then(() => undefined), { label: 'inference events' });
      this.metrics.eventsFlushed.inc(batch.length);
    } catch (error) {
      // A commit whose outcome is unknown comes again under the same event ids; one that had worked is then refused as known.
      const known = hasCode(error, 'PERSISTENCE.UNIQUE_VIOLATION');
      if (!isOfData(error)) throw error;
      if (batch.length === 1) {
        if (!known) this.giveUp(batch[0], error);
        return;
      }
      const middle = batch.length >> 1;
      await this.write(batch.slice(0, middle));
      await this.write(batch.slice(middle));
    }
  }

  private giveUp(inference: Inference, error: unknown): void {
    const { inferenceId } = inference;
    if (this.givenUp.has(inferenceId)) return;
    this.givenUp.add(inferenceId);
    this.logger.error({ err: error, inferenceId }, 'inference event cannot be written');
    this.queue.drop(inference, 'unwritable');
    this.noteDrop(inference, 'unwritable');
  }

  private settle(batch: readonly Inference[]): void {
    for (const { inferenceId } of batch) this.givenUp.delete(inferenceId);
  }

  private publish(tx: Parameters<EventPublisher['publishMany']>[0], batch: Inference[]): Promise<string[]> {
    return this.publisher.publishMany(
      tx,
      Events.InferenceCompleted,
      batch.map((inference) => ({
        workspace: inference.workspace,
        id: inference.inferenceId,
        aggregateId: inference.inferenceId,
        aggregateVersion: 1,
        data: toInferenceCompleted(inference),
      })),
    );
  }

  private noteDrop(inference: Inference, reason: DropReason): void {
    this.metrics.eventsDropped.inc({ reason });
    // An overload drops thousands a second: each is counted and listed, one line a second is logged.
    const nowMs = performance.now();
    if (nowMs - this.loggedAtMs < 1000) return;
    this.loggedAtMs = nowMs;
    const { workspace, inferenceId, endpoint } = inference;
    const { droppedTotal } = this.queue;
    this.logger.error({ workspace, inferenceId, endpoint, reason, droppedTotal }, 'inference event dropped');
  }
}

/** True when the event itself is refused, now and for ever. Whatever else fails is an outage, also one that no rule knows yet. */
function isOfData(error: unknown): boolean {
  const { code, kind, details } = toAppError(error);
  if (typeof details['sqlstate'] === 'string') return SQLSTATE_OF_DATA.test(details['sqlstate']);
  // Not the database's word: the publisher refused it (too large), or it cannot be made an event.
  return !code.startsWith('PERSISTENCE.') && KINDS_OF_DATA.includes(kind);
}
