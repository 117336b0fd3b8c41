// SPDX-License-Identifier: Apache-2.0
import type { AppError } from '#libs/errors';
import type { Clock } from '#libs/clock';
import type { IncomingMessage } from './broker';
import { placeOf } from './place-of';

const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 30_000;

interface Trouble {
  offset: string;
  /** Deliveries of the message at the head so far. */
  attempts: number;
  /** When its bounded waiting began; outages do not count into it. */
  boundedSinceMs?: number;
}

export interface Pause {
  pauseMs: number;
  attempts: number;
  /** The message waited for longer than it may. */
  expired: boolean;
}

/** Remembers, per partition, how long its head has been asking for "later", and says how long to wait next. */
export class PauseClock {
  private readonly troubles = new Map<string, Trouble>();

  constructor(
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly boundedMsMax: number,
  ) {}

  /** Which delivery to this process this is, counted from 1. */
  attemptOf(message: IncomingMessage): number {
    const trouble = this.troubles.get(placeOf(message));
    return trouble?.offset === message.offset ? trouble.attempts + 1 : 1;
  }

  progressed(message: IncomingMessage): void {
    this.troubles.delete(placeOf(message));
  }

  /** Doubles from 0.1 s to 30 s, with jitter, or what the error itself asks for within that cap. */
  next(head: IncomingMessage, error: AppError, bounded: boolean): Pause {
    const known = this.troubles.get(placeOf(head));
    const trouble: Trouble = known?.offset === head.offset ? known : { offset: head.offset, attempts: 0 };
    trouble.attempts += 1;
    const nowMs = this.clock.monotonicMs();
    if (bounded) trouble.boundedSinceMs ??= nowMs;
    else delete trouble.boundedSinceMs;
    this.troubles.set(placeOf(head), trouble);
    const waitedMs = trouble.boundedSinceMs === undefined ? 0 : nowMs - trouble.boundedSinceMs;
    const backOffMs = PAUSE_MS_FIRST * 2 ** Math.min(trouble.attempts - 1, 16);
    const pauseMs = Math.min(PAUSE_MS_MAX, error.retryAfterMs ?? backOffMs) * (0.75 + this.random() / 2);
    return { pauseMs, attempts: trouble.attempts, expired: waitedMs > this.boundedMsMax };
  }
}
