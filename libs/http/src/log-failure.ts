// SPDX-License-Identifier: Apache-2.0
import type { AppError } from '#libs/errors';
import type { Logger } from '#libs/observability';
import { httpStatusOf } from './error-formats';

/**
 * Tells the log of a request that failed through no fault of its caller: a bug with its stack, an answer that ran out of time (504)
 * with what it waited for. Call it once, where the answer is made; `path` without the query.
 */
export function logFailure(logger: Logger, error: AppError, request: { requestId: string; method: string; path: string }): void {
  const fields = { ...request, code: error.code };
  if (error.kind === 'internal') logger.error({ ...fields, err: error }, 'http request failed');
  else if (httpStatusOf(error) === 504) logger.warn({ ...fields, reason: error.message }, 'http request ran out of time');
}
