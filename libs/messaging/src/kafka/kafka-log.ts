// SPDX-License-Identifier: Apache-2.0
import { logLevel, type logCreator } from 'kafkajs';
import type { Logger } from '#libs/observability';

/** A position that its topic no longer has (or does not have yet). */
export interface OffsetReset {
  group: string;
  topic: string;
  partition: number;
}

// The only sign that kafkajs gives; a Kafka spec and fault F8 hold it to these words.
const OFFSET_RESET = 'Offset out of range, resetting to default offset';

/** Sends what kafkajs says through our logger. Its retriable errors are warnings: they heal, and what does not heal is thrown. */
export function kafkaLog(logger: Logger, onOffsetReset?: (reset: OffsetReset) => void): logCreator {
  return () =>
    ({ namespace, level, log }) => {
      const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = log;
      if (message === OFFSET_RESET) {
        const { groupId, topic, partition } = fields as { groupId?: string; topic?: string; partition?: number };
        onOffsetReset?.({ group: groupId ?? '', topic: topic ?? '', partition: Number(partition) });
      }
      const line = { kafka: namespace, detail: message, ...plain(fields) };
      if (level === logLevel.ERROR || level === logLevel.WARN) logger.warn(line, 'kafka client warns');
      else logger.debug(line, 'kafka client says');
    };
}

/** Errors and buffers of the client do not belong in a log line. */
function plain(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value) || value instanceof Error)
      .map(([name, value]) => [name, value instanceof Error ? value.message : value]),
  );
}
