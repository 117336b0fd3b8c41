// SPDX-License-Identifier: Apache-2.0
import type { Logger } from '#libs/observability';

export interface LoopOptions {
  name: string;
  intervalMs: number;
  /** Pause after a round that went well and found no more, for a loop that is nudged when there is something. Default: the interval. */
  restMs?: number;
  /** One round. True = there may be more to do at once. */
  work: (signal: AbortSignal) => Promise<boolean>;
  logger: Logger;
}

/** Repeats a piece of work: at once while there is more, else after the interval or when woken. A failed round is logged and repeated. */
export class BackgroundLoop {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private endPause: (() => void) | undefined;
  private woken = false;
  private failures = 0;

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  /** The next round begins now, or right after the one that runs. */
  wake(): void {
    this.woken = true;
    this.endPause?.();
  }

  /** Ends the pause after a round that went well. A round that runs, and the pause after a failure, take their time. */
  nudge(): void {
    if (this.failures === 0) this.endPause?.();
  }

  /** Ends after the round that runs. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.endPause?.();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.woken = false;
      const more = await this.round();
      if (!more && !this.woken && !this.stopping.signal.aborted) await this.pause();
    }
  }

  private async round(): Promise<boolean> {
    try {
      const more = await this.options.work(this.stopping.signal);
      this.failures = 0;
      return more;
    } catch (error) {
      this.failures += 1;
      // Once per outage, not once per round.
      if (this.failures === 1) this.options.logger.warn({ loop: this.options.name, err: error }, 'background round failed');
      return false;
    }
  }

  private pause(): Promise<void> {
    const { intervalMs, restMs = intervalMs } = this.options;
    const ms = this.failures === 0 ? restMs : intervalMs * Math.min(2 ** Math.min(this.failures, 4), 10);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.endPause = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.endPause = end;
    });
  }
}
