// SPDX-License-Identifier: Apache-2.0
import { type EventLoopUtilization, type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

const RESOLUTION_MS = 20;
const LOOK_MS = 1_000;
/** Of the time between two looks. Below it nothing can have blocked for longer than this share of a look: 50 ms. */
const BUSY_SHARE = 0.05;

/**
 * Delay of the event loop. Node measures it by waking the process every 20 ms, which is most of what an idle service costs: so only
 * while the loop works for more than a twentieth of its time. A first block of an idle process is counted as the busy time it was.
 */
export class LoopDelay {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly timer: NodeJS.Timeout;
  private before: EventLoopUtilization = performance.eventLoopUtilization();
  private measuring = false;
  /** The longest that an unmeasured look was busy, in ns: no delay in it was longer. */
  private unmeasuredNs = 0;

  constructor() {
    this.timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  get isMeasuring(): boolean {
    return this.measuring;
  }

  /** Delays in seconds since the last reading, and begins anew. */
  read(): { median: number; p99: number; most: number } {
    // The histogram records the whole interval between ticks; the delay is what exceeds the resolution.
    const delay = (ns: number): number => Math.max(0, (Number.isFinite(ns) ? ns : 0) / 1e9 - RESOLUTION_MS / 1e3);
    const unmeasured = this.unmeasuredNs / 1e9;
    const [median, p99, most] = [this.histogram.percentile(50), this.histogram.percentile(99), this.histogram.max].map(delay);
    this.histogram.reset();
    this.unmeasuredNs = 0;
    return { median, p99: Math.max(p99, unmeasured), most: Math.max(most, unmeasured) };
  }

  close(): void {
    clearInterval(this.timer);
    this.histogram.disable();
  }

  private look(): void {
    const now = performance.eventLoopUtilization();
    const { active, utilization } = performance.eventLoopUtilization(now, this.before);
    this.before = now;
    const busy = utilization > BUSY_SHARE;
    if (busy && !this.measuring) this.unmeasuredNs = Math.max(this.unmeasuredNs, active * 1e6);
    if (busy === this.measuring) return;
    this.measuring = busy;
    if (busy) this.histogram.enable();
    else this.histogram.disable();
  }
}
