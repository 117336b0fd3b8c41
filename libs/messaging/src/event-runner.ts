// SPDX-License-Identifier: Apache-2.0
import { runWithDeadline, type Clock } from '#libs/clock';
import { toAppError, type AppError } from '#libs/errors';
import { runInSpan, type Logger } from '#libs/observability';
import type { Transaction, UnitOfWork } from '#libs/persistence';
import { classify } from './classify';
import type { PgDeadLetters } from './dead-letters';
import { deliveryOf } from './delivery';
import type { EventHandler, ReceivedEvent } from './events';
import { limited } from './handler-limit';
import { claimEvents, unclaimedEvents } from './inbox';
import type { MessagingMetrics } from './messaging-metrics';
import type { Slots } from './slots';

/** What running events needs. */
export interface RunnerTools {
  unitOfWork: UnitOfWork;
  deadLetters: PgDeadLetters;
  clock: Clock;
  logger: Logger;
  metrics: MessagingMetrics;
  /** Hard limit of one handler call; below half of a broker session, so that a stuck handler never costs the membership. */
  handlerMsMax: number;
  random: () => number;
  /** Shared by all consumers of the process: together they must leave connections for requests. */
  slots: Slots;
}

/** `done` counts from the front. `later` says why the rest has to wait; `bounded` if it may not wait for ever. */
export interface RunResult {
  done: number;
  later?: { error: AppError; bounded: boolean };
}

const RETRY_BASE_MS = 50;

/** Runs events through a handler: inbox and effect in one transaction, failures classified, poison put aside. Never throws. */
export class EventRunner {
  private readonly sizes = new FittingSizes();

  constructor(
    private readonly consumer: string,
    private readonly tools: RunnerTools,
  ) {}

  /** Runs the events in order, together if the handler takes batches. A batch that fails, or takes too long, is halved until the culprit is alone. May end before the last of them. */
  async run(handler: EventHandler, events: ReceivedEvent[], signal: AbortSignal): Promise<RunResult> {
    if (events.length === 1) return this.runAlone(handler, events[0], signal);
    const size = this.sizes.of(handler);
    if (events.length > size) return this.run(handler, events.slice(0, size), signal);
    try {
      await this.attempt(handler, events);
      this.sizes.fitted(handler, events.length);
      return { done: events.length };
    } catch (thrown) {
      const verdict = classify(thrown);
      if (isTooMuchAtOnce(verdict.error)) this.sizes.exceeded(handler, events.length);
      else if (verdict.action === 'pause') return { done: 0, later: verdict };
      if (signal.aborted) return { done: 0 };
      this.tools.logger.warn(
        { consumer: this.consumer, code: verdict.error.code, events: events.length },
        'batch split after failure',
      );
    }
    const middle = Math.ceil(events.length / 2);
    const first = await this.run(handler, events.slice(0, middle), signal);
    if (first.later || first.done < middle || signal.aborted) return first;
    const second = await this.run(handler, events.slice(middle), signal);
    return { ...second, done: middle + second.done };
  }

  /** One try at events of several partitions in one transaction. False when it failed: for a reason that may lie in one of them. */
  async runTogether(handler: EventHandler, events: ReceivedEvent[]): Promise<boolean> {
    if (events.length > this.sizes.of(handler)) return false;
    try {
      await this.attempt(handler, events);
      return true;
    } catch (thrown) {
      const { code } = toAppError(thrown);
      this.tools.logger.warn(
        { consumer: this.consumer, code, events: events.length },
        'gathered batch taken apart after failure',
      );
      return false;
    }
  }

  /** Puts an event aside with its inbox row, so that a redelivery does not put it aside again. */
  async putAside(event: ReceivedEvent, error: AppError, attempts: number): Promise<RunResult> {
    const failure = { code: error.code, message: error.message, attempts };
    let fresh: ReceivedEvent[];
    try {
      fresh = await this.tools.unitOfWork.run(
        async (tx) => {
          const claimed = await claimEvents(tx, this.consumer, [event]);
          if (claimed.length > 0) await this.tools.deadLetters.put(tx, deliveryOf(event), failure);
          return claimed;
        },
        { label: `${this.consumer} dead letter` },
      );
    } catch (thrown) {
      return this.cannotPutAside(thrown);
    }
    if (fresh.length > 0) this.logPutAside(event, error, attempts);
    else this.tools.metrics.duplicates.inc({ consumer: this.consumer });
    return { done: 1 };
  }

  private async runAlone(handler: EventHandler, event: ReceivedEvent, signal: AbortSignal): Promise<RunResult> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.attempt(handler, [event]);
        return { done: 1 };
      } catch (thrown) {
        const verdict = classify(thrown);
        if (verdict.action === 'pause') return { done: 0, later: verdict };
        const exhausted = verdict.action === 'retry' && attempt >= verdict.triesMax;
        if (verdict.action === 'dead-letter' || exhausted) return this.putAside(event, verdict.error, attempt);
        if (signal.aborted) return { done: 0 };
        event.attempt += 1;
        await this.tools.clock.sleep(RETRY_BASE_MS * 2 ** attempt * (0.5 + this.tools.random()));
      }
    }
  }

  private attempt(handler: EventHandler, events: ReceivedEvent[]): Promise<void> {
    return this.tools.slots.run(() => this.handleOnce(handler, events));
  }

  private async handleOnce(handler: EventHandler, events: ReceivedEvent[]): Promise<void> {
    const { clock, metrics, unitOfWork, handlerMsMax } = this.tools;
    const startedMs = clock.monotonicMs();
    const work = async (tx: Transaction): Promise<number> => {
      const claim = handler.ownsDuplicates ? unclaimedEvents : claimEvents;
      const fresh = await claim(tx, this.consumer, events);
      if (fresh.length === 0) return 0;
      const counted = await limited(handler.handle(fresh as ReceivedEvent<never>[], tx), this.consumer, this.tools);
      return counted ?? fresh.length;
    };
    let outcome = 'failed';
    try {
      const label = `${this.consumer} ${handler.type ?? handler.topic}`;
      const fresh = await this.traced(events, label, () =>
        // SQL and calls made by the handler see the limit as their deadline, so they end by themselves.
        runWithDeadline(new Date(clock.now().getTime() + handlerMsMax), () => unitOfWork.run(work, { label }), clock),
      );
      outcome = 'done';
      const duplicates = events.length - fresh;
      metrics.events.inc({ consumer: this.consumer, outcome: 'done' }, fresh);
      if (duplicates > 0) metrics.duplicates.inc({ consumer: this.consumer }, duplicates);
    } finally {
      metrics.handlerSeconds.observe({ consumer: this.consumer, outcome }, (clock.monotonicMs() - startedMs) / 1_000);
    }
  }

  /** A single event runs in its producer's trace; a batch has many, so it gets a trace of its own, with links to theirs. */
  private traced<T>(events: ReceivedEvent[], name: string, fn: () => Promise<T>): Promise<T> {
    const parent = events.length === 1 ? events[0]?.traceparent : undefined;
    const origin = parent === undefined ? { links: traceparents(events) } : { traceparent: parent };
    return runInSpan({ name, kind: 'consumer', ...origin }, fn);
  }

  private cannotPutAside(thrown: unknown): RunResult {
    const { error } = classify(thrown);
    this.tools.logger.error({ consumer: this.consumer, err: error }, 'dead letter could not be written');
    return { done: 0, later: { error, bounded: false } };
  }

  private logPutAside(event: ReceivedEvent, error: AppError, attempts: number): void {
    const { id, type, topic, partition, offset } = event;
    this.tools.metrics.events.inc({ consumer: this.consumer, outcome: 'dead-lettered' });
    this.tools.logger.error(
      { consumer: this.consumer, eventId: id, type, topic, partition, offset, attempts, code: error.code, err: error },
      'event put aside',
    );
  }
}

/** How many events of a handler fit into the time of a statement, as far as it was learned: half of what did not, slowly more again. */
class FittingSizes {
  private readonly sizes = new Map<EventHandler, number>();

  of(handler: EventHandler): number {
    return this.sizes.get(handler) ?? Number.POSITIVE_INFINITY;
  }

  exceeded(handler: EventHandler, size: number): void {
    this.sizes.set(handler, Math.ceil(size / 2));
  }

  fitted(handler: EventHandler, size: number): void {
    if (size >= this.of(handler)) this.sizes.set(handler, Math.ceil(size * 1.1));
  }
}

/** Fewer events may take less time than a statement has: waiting would bring the same batch again, for ever. */
function isTooMuchAtOnce(error: AppError): boolean {
  return error.kind === 'deadline';
}

/** Read only when spans are sent, and only as far as links are kept. */
function* traceparents(events: readonly ReceivedEvent[]): Generator<string> {
  for (const { traceparent } of events) if (traceparent !== undefined) yield traceparent;
}
