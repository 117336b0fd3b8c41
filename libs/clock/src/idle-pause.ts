// SPDX-License-Identifier: Apache-2.0

/** Looks at nothing before the pauses get longer, and how many times longer they get. */
const LOOKS = 8;
const TIMES = 8;

/**
 * How long a loop that found nothing waits before it looks again: the first pause, and after eight looks in a row at nothing eight
 * times that, at most `mostMs` and never less than the first. For queues whose writers wake the loop in their own process: the look
 * is for what other processes left, and finds it within `mostMs`.
 */
export class IdlePause {
  private looks = 0;
  private readonly longMs: number;

  constructor(
    private readonly firstMs: number,
    mostMs = 2_000,
  ) {
    this.longMs = Math.max(firstMs, Math.min(firstMs * TIMES, mostMs));
  }

  /** Something was found, or somebody called: the next pauses are short ones. */
  reset(): void {
    this.looks = 0;
  }

  /** The pause after a look at nothing, in milliseconds. */
  next(): number {
    this.looks += 1;
    return this.looks <= LOOKS ? this.firstMs : this.longMs;
  }
}
