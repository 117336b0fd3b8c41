// SPDX-License-Identifier: Apache-2.0

/** A flag that one loop waits for and many may set; setting it before the wait counts. */
export class Signal {
  private raised = false;
  private wakeWaiter: (() => void) | undefined;

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
        clearTimeout(timer);
        this.wakeWaiter = undefined;
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.wakeWaiter = wake;
    });
  }
}
