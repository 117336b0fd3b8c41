// SPDX-License-Identifier: Apache-2.0
import type { Database } from '#libs/persistence';
import type { BatchOutcome, Broker, IncomingMessage, MessageBatch, Subscription } from './broker';
import { CrashGuard, GIVE_UP_AFTER_STARTS } from './crash-guard';
import type { EventConsumer, ReceivedEvent } from './events';
import { EventRunner, type RunnerTools, type RunResult } from './event-runner';
import { GatheredRuns } from './gathered-runs';
import { MessagingErrors } from './messaging.errors';
import { PauseClock } from './pause-clock';
import { prepare, type Job } from './prepare-messages';
import type { Slots } from './slots';

export interface HostTools extends RunnerTools {
  broker: Broker;
  database: Database;
  /** One, shared by all consumers of the process (see CrashGuard). */
  suspects: Slots;
  /** Called when a consumer cannot go on; the process should end. */
  onFatal: (error: unknown) => void;
  partitionsConcurrentMax: number;
  /** Longest time that one event may ask to be tried later before it is put aside (outages are not counted). */
  laterMsMax: number;
}

const BATCH_SIZE_DEFAULT = 200;
/** The event that killed the process three times was in the batch that began here; past two of them it is not to be looked for. */
const CAREFUL_BATCHES = 2;

/** Runs one EventConsumer on a broker: reads, chooses handlers, keeps order, pauses, and never throws into the broker's client. */
export class ConsumerHost {
  private subscription?: Subscription;
  private readonly runner: EventRunner;
  private readonly gathered?: GatheredRuns;
  private readonly guard: CrashGuard;
  private readonly pauses: PauseClock;
  private readonly group: string;

  constructor(
    private readonly consumer: EventConsumer,
    private readonly tools: HostTools,
  ) {
    this.group = consumer.group;
    this.runner = new EventRunner(this.group, tools);
    const { sizeMax = BATCH_SIZE_DEFAULT, gatherMs } = consumer.batch ?? {};
    if (gatherMs !== undefined) this.gathered = new GatheredRuns(this.runner, tools.clock, { sizeMax, gatherMs });
    this.guard = new CrashGuard(tools.database, this.group, {
      suspects: tools.suspects,
      carefulEvents: CAREFUL_BATCHES * sizeMax,
    });
    this.pauses = new PauseClock(tools.clock, tools.random, tools.laterMsMax);
  }

  get name(): string {
    return this.group;
  }

  get membership(): Subscription | undefined {
    return this.subscription;
  }

  async start(): Promise<void> {
    this.subscription = await this.tools.broker.subscribe({
      group: this.group,
      topics: [...new Set(this.consumer.handlers.map((handler) => handler.topic))].sort(),
      batchSizeMax: this.consumer.batch?.sizeMax ?? BATCH_SIZE_DEFAULT,
      fetchBytesMax: this.consumer.batch?.fetchBytesMax,
      partitionsConcurrentMax: Math.min(
        this.consumer.batch?.partitionsConcurrentMax ?? this.tools.partitionsConcurrentMax,
        this.tools.slots.size,
      ),
      onBatch: (batch) => this.onBatch(batch),
      onFatal: this.tools.onFatal,
    });
  }

  async stop(): Promise<void> {
    await this.subscription?.stop();
  }

  /** Handles one message outside of its partition: the replay of a dead letter. The letter's row lock stands for the inbox. */
  prepareForReplay(message: IncomingMessage, attempt: number): Job {
    return prepare(this.group, this.consumer.handlers, message, attempt);
  }

  private async onBatch(batch: MessageBatch): Promise<BatchOutcome> {
    const head = batch.messages[0];
    if (!head) return { processed: 0 };
    try {
      const { starts, release } = await this.guard.enter(head);
      try {
        const outcome =
          starts >= GIVE_UP_AFTER_STARTS
            ? await this.giveUp(head, starts)
            : await this.handle(this.guard.isCareful(head) ? firstOf(batch) : batch);
        await this.guard.leave(head, starts);
        return outcome;
      } finally {
        release();
      }
    } catch (thrown) {
      // Only the guard's own statements throw: the database is away.
      this.tools.logger.warn({ consumer: this.group, err: thrown }, 'batch could not begin');
      return { processed: 0, pauseMs: this.pauses.next(head, MessagingErrors.BROKER_UNAVAILABLE('', {}, thrown), false).pauseMs };
    }
  }

  private async handle({ messages, signal }: MessageBatch): Promise<BatchOutcome> {
    const jobs = messages.map((message) => prepare(this.group, this.consumer.handlers, message, this.pauses.attemptOf(message)));
    let processed = 0;
    while (processed < jobs.length && !signal.aborted) {
      const result = await this.runFrom(jobs, processed, signal);
      processed += result.done;
      const head = messages[processed];
      if (result.done > 0) this.pauses.progressed(messages[processed - 1]);
      if (!result.later || !head) {
        if (result.done === 0) break; // aborted between tries
        continue;
      }
      const pause = this.pauses.next(head, result.later.error, result.later.bounded);
      if (pause.expired) {
        processed += await this.expire(jobs[processed], pause.attempts);
        continue;
      }
      this.logPause(head, result.later.error.code, pause.pauseMs);
      return { processed, pauseMs: pause.pauseMs };
    }
    return { processed };
  }

  private async runFrom(jobs: readonly Job[], start: number, signal: AbortSignal): Promise<RunResult> {
    const job = jobs[start];
    if (job.kind === 'skip') {
      this.tools.metrics.events.inc({ consumer: this.group, outcome: 'skipped' });
      return { done: 1 };
    }
    if (job.kind === 'poison') return this.runner.putAside(job.event, job.error, 1);
    const events: ReceivedEvent[] = [job.event];
    // Neighbours for the same handler run together; another handler's event in between ends the run, which keeps the order.
    for (let next = start + 1; job.handler.batch && next < jobs.length; next += 1) {
      const other = jobs[next];
      if (other.kind !== 'event' || other.handler !== job.handler) break;
      events.push(other.event);
    }
    const alone = !this.gathered || !job.handler.batch || this.guard.goesAlone(job.event);
    return alone ? this.runner.run(job.handler, events, signal) : this.gathered.run(job.handler, events, signal);
  }

  private async expire(job: Job, attempts: number): Promise<number> {
    if (job.kind === 'skip') return 1;
    const error = MessagingErrors.RETRIES_EXHAUSTED(`still asks to be tried later after ${this.tools.laterMsMax} ms`, {
      attempts,
    });
    return (await this.runner.putAside(job.event, error, attempts)).done;
  }

  private async giveUp(message: IncomingMessage, starts: number): Promise<BatchOutcome> {
    const job = prepare(this.group, this.consumer.handlers, message, starts);
    if (job.kind === 'skip') return { processed: 1 };
    const error = MessagingErrors.CRASHED_CONSUMER(`the process died ${starts - 1} times at this message`, { starts });
    const { done } = await this.runner.putAside(job.event, error, starts);
    return done > 0 ? { processed: done } : { processed: 0, pauseMs: 1_000 };
  }

  private logPause({ topic, partition, offset }: IncomingMessage, code: string, pauseMs: number): void {
    this.tools.metrics.events.inc({ consumer: this.group, outcome: 'postponed' });
    this.tools.logger.warn(
      { consumer: this.group, topic, partition, offset, code, pauseMs: Math.round(pauseMs) },
      'partition paused',
    );
  }
}

function firstOf(batch: MessageBatch): MessageBatch {
  return { ...batch, messages: batch.messages.slice(0, 1) };
}
