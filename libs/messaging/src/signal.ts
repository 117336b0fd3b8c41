// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';

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
  wait(ms: number): Promise<void> {
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
