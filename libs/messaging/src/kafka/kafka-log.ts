// SPDX-License-Identifier: Apache-2.0
import { logLevel, type logCreator } from 'kafkajs';
import type { Logger } from '#libs/observability';

/** Sends what kafkajs says through our logger. Its retriable errors are warnings: they heal, and what does not heal is thrown. */
export function kafkaLog(logger: Logger): logCreator {
  return () =>
    ({ namespace, level, log }) => {
      const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = log;
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
