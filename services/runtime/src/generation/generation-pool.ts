// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import { toAppError, type AppError } from '#libs/errors';
import type { Logger } from '#libs/observability';
import type { ModelFiles } from '#libs/tiny-lm';
import { RuntimeErrors } from '../runtime.errors';
import type { RuntimeMetrics } from '../runtime.metrics';
import type { GenerationEnd, GenerationRequest, Piece } from './generation';
import { GenerationThread, type ThreadListener } from './generation-thread-handle';

export interface PoolLimits {
  threads: number;
  queueMax: number;
  requestSecondsMax: number;
}

const THREAD_PAUSE_MS = 200;

interface Waiting {
  request: GenerationRequest & { files: Partial<ModelFiles> };
  listener: ThreadListener;
}

/**
 * Threads that generate, behind a queue with a bound. A request past the bound is refused at once; one whose caller has gone leaves the
 * queue or stops its thread within a few tokens; a thread that dies fails its own request only and is replaced.
 */
export class GenerationPool {
  /** When a thread last produced a token, in monotonic milliseconds. */
  lastTokenMs = -Infinity;
  private readonly threads: GenerationThread[] = [];
  private readonly queue: Waiting[] = [];
  private closed = false;

  constructor(
    private readonly limits: PoolLimits,
    private readonly ports: {
      clock: Clock;
      logger: Logger;
      metrics: RuntimeMetrics;
      /** Whether a model shall stay in memory. */
      isResident: (digest: string) => boolean;
    },
  ) {
    for (let i = 0; i < limits.threads; i++) this.threads.push(this.startThread());
  }

  /** Pieces as they come; the value returned at the end says why generation stopped. Abort the signal, or leave the loop, to cancel. */
  async *generate(
    request: GenerationRequest & { files: Partial<ModelFiles> },
    signal: AbortSignal,
  ): AsyncGenerator<Piece, GenerationEnd, undefined> {
    const inbox: Piece[] = [];
    let outcome: { end: GenerationEnd } | { error: AppError } | undefined;
    let wake = (): void => undefined;
    const settle = (value: typeof outcome): void => {
      outcome ??= value;
      wake();
    };
    const startedMs = this.ports.clock.monotonicMs();
    const listener: ThreadListener = {
      piece: (piece) => {
        inbox.push(piece);
        wake();
      },
      end: (end) => settle({ end }),
      fail: (error) => settle({ error }),
    };
    const cancel = (error: AppError): void => {
      this.drop(listener);
      listener.fail(error);
    };
    const onAbort = (): void => cancel(toAppError(signal.reason));
    const timer = setTimeout(() => {
      cancel(RuntimeErrors.GENERATION_TIMEOUT(`no complete answer within ${this.limits.requestSecondsMax} s`));
    }, this.limits.requestSecondsMax * 1000);
    signal.addEventListener('abort', onAbort);
    try {
      if (signal.aborted) throw toAppError(signal.reason);
      this.submit({ request, listener });
      let isFirst = true;
      for (;;) {
        const piece = inbox.shift();
        if (piece) {
          if (isFirst) this.ports.metrics.firstTokenSeconds.observe((this.ports.clock.monotonicMs() - startedMs) / 1000);
          isFirst = false;
          yield piece;
        } else if (outcome) break;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
      if ('error' in outcome) throw outcome.error;
      this.ports.metrics.generationSeconds.observe((this.ports.clock.monotonicMs() - startedMs) / 1000);
      return outcome.end;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (!outcome) this.drop(listener);
    }
  }

  /** Takes a model out of every thread's memory. */
  forget(digest: string): void {
    for (const thread of this.threads) thread.forget(digest);
  }

  get threadCount(): number {
    return this.limits.threads;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const { listener } of this.queue.splice(0)) listener.fail(RuntimeErrors.THREAD_LOST('the server is stopping'));
    await Promise.all(this.threads.map((thread) => thread.close()));
  }

  private submit(waiting: Waiting): void {
    if (this.closed) throw RuntimeErrors.THREAD_LOST('the server is stopping');
    const idle = this.threads.find((thread) => thread.isIdle);
    if (idle) return this.give(idle, waiting);
    if (this.queue.length >= this.limits.queueMax) {
      throw RuntimeErrors.QUEUE_FULL(`${this.queue.length} requests are waiting already`, { openaiCode: 'rate_limit_exceeded' });
    }
    this.queue.push(waiting);
    this.ports.metrics.queued.set(this.queue.length);
  }

  private give(thread: GenerationThread, { request, listener }: Waiting): void {
    thread.generate(request, listener);
    // Its model left memory while the request waited, and went into the thread with it: for this one answer only.
    if (!this.ports.isResident(request.digest)) thread.forget(request.digest);
  }

  private next(thread: GenerationThread): void {
    const waiting = this.queue.shift();
    this.ports.metrics.queued.set(this.queue.length);
    if (waiting) this.give(thread, waiting);
  }

  // The caller has gone: out of the queue, or stop its thread.
  private drop(listener: ThreadListener): void {
    const place = this.queue.findIndex((waiting) => waiting.listener === listener);
    if (place >= 0) this.queue.splice(place, 1);
    else this.threads.find((thread) => thread.serves(listener))?.cancel();
    this.ports.metrics.queued.set(this.queue.length);
  }

  private startThread(): GenerationThread {
    const thread = new GenerationThread({
      token: () => (this.lastTokenMs = this.ports.clock.monotonicMs()),
      idle: () => this.next(thread),
      lost: (error) => {
        if (this.closed) return;
        this.ports.logger.error({ err: error }, 'a generation thread died');
        this.ports.metrics.threadRestarts.inc();
        // The pause keeps a thread that dies at once from spinning.
        setTimeout(() => {
          if (this.closed) return;
          thread.restart();
          this.next(thread);
        }, THREAD_PAUSE_MS).unref();
      },
    });
    return thread;
  }
}
