// SPDX-License-Identifier: Apache-2.0

export interface PaceLimits {
  /** Longest silence, and the window over which the rate is taken. */
  idleMs: number;
  /** Least bytes a second over each window; 0 = any. */
  bytesPerSecondMin: number;
}

/**
 * Judges a sender by the time that its receiver spent waiting for it: what the receiver itself needs is not the sender's fault. The
 * rate counts in windows, not from the beginning: a fast start buys no slow rest, and a byte now and then is not enough.
 */
export class ArrivalPace {
  private silentMs = 0;
  private windowMs = 0;
  private windowBytes = 0;

  constructor(private readonly limits: PaceLimits) {}

  /** `ms` of waiting brought `bytes`. Gives what is wrong with that, for people. */
  waited(ms: number, bytes: number): string | undefined {
    const { idleMs, bytesPerSecondMin } = this.limits;
    this.silentMs = bytes > 0 ? 0 : this.silentMs + ms;
    this.windowMs += ms;
    this.windowBytes += bytes;
    if (this.silentMs >= idleMs) return `nothing came for ${idleMs / 1000} s`;
    if (this.windowMs < idleMs) return undefined;
    const isSlow = this.windowBytes * 1000 < bytesPerSecondMin * this.windowMs;
    this.windowMs = 0;
    this.windowBytes = 0;
    return isSlow ? `less than ${bytesPerSecondMin} bytes a second came for ${idleMs / 1000} s` : undefined;
  }
}
