// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';

/** The most that a timer takes, 24 days. */
const WAIT_MS_MAX = 2 ** 31 - 1;

/** A flag that one loop waits for and many may set; setting it before the wait counts. */
export class Signal {
  private raised = false;
  private wakeWaiter: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  set(): void {
    this.raised = true;
    this.wakeWaiter?.();
  }

  reset(): void {
    this.raised = false;
  }

  /** Resolves when set, or after `ms`. */
  wait(ms = WAIT_MS_MAX): Promise<void> {
    if (this.raised) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.wakeWaiter = undefined;
        resolve();
      };
      const cancel = this.clock.timer(ms, wake);
      this.wakeWaiter = wake;
    });
  }
}
