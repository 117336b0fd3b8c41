// SPDX-License-Identifier: Apache-2.0

interface ConsumerGroup {
  lastRequest: number;
  heartbeat: (this: ConsumerGroup, options: { interval: number }) => Promise<void>;
}

const PATCHED = Symbol.for('millrace.kafkajs.clock-step-fix');

/**
 * kafkajs 2.2.4 sends a heartbeat when the wall clock is `interval` past the last one. After the clock is set back by an hour it
 * sends none for an hour, and the group gives the partitions to others. A last heartbeat in the future is taken for one long ago.
 */
export function surviveClockSteps(): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const group = (require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup & { [PATCHED]?: true } }).prototype;
  if (group[PATCHED]) return;
  const original = group.heartbeat;
  group.heartbeat = function heartbeatAfterAStep(this: ConsumerGroup, options): Promise<void> {
    if (this.lastRequest > Date.now()) this.lastRequest = 0;
    return original.call(this, options);
  };
  group[PATCHED] = true;
}
