// SPDX-License-Identifier: Apache-2.0

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

const PATCHED = Symbol.for('millrace.kafkajs.idle-timer-fix');

/**
 * kafkajs 2.2.4 schedules a check of its request queue even when the queue is empty and nothing is throttled, with a negative
 * delay, and each check schedules the next: about 900 timers a second per connection, 3 % of a core while idle
 * (tulios/kafkajs#1751). The next request schedules a check anyway, so the empty case needs none.
 */
export function stopIdleTimers(): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const queue = (require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue & { [PATCHED]?: true } }).prototype;
  if (queue[PATCHED]) return;
  const original = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function scheduleWhenNeeded(this: RequestQueue): void {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return;
    original.call(this);
  };
  queue[PATCHED] = true;
}
