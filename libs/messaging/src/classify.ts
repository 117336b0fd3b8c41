// SPDX-License-Identifier: Apache-2.0
import { hasCode, isAppError, toAppError, type AppError } from '#libs/errors';

/** What the consumer host does about a failure. */
export type Verdict =
  /** Try the event again at once, `triesMax` times in all, then put it aside. */
  | { action: 'retry'; triesMax: number; error: AppError }
  /** Put it aside now. */
  | { action: 'dead-letter'; error: AppError }
  /** Hold the partition: the cause is outside of the event. `bounded` ends in the dead letters when it lasts too long. */
  | { action: 'pause'; bounded: boolean; error: AppError };

const NETWORK_CODES = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_SOCKET',
];
const TRIES_MAX = 3;
// Each try may cost the full time limit, so a handler that never returns gets one less.
const TIMEOUT_TRIES_MAX = 2;

/** Decides by code, kind and retry; never by class or message. */
export function classify(thrown: unknown): Verdict {
  if (!isAppError(thrown) && NETWORK_CODES.some((code) => hasCode(thrown, code))) {
    // A handler let a network error through: the peer is away, the event is fine.
    return { action: 'pause', bounded: false, error: toAppError(thrown) };
  }
  const error = toAppError(thrown);
  if (error.code === 'MESSAGING.HANDLER_TIMEOUT') return { action: 'retry', triesMax: TIMEOUT_TRIES_MAX, error };
  // Contention is nobody's fault: the unit of work tried in place already, so wait instead of giving the event up.
  if (error.code === 'PERSISTENCE.SERIALIZATION') return { action: 'pause', bounded: false, error };
  if (error.kind === 'unavailable') return { action: 'pause', bounded: false, error };
  if (error.retry === 'later') return { action: 'pause', bounded: true, error };
  if (error.retry === 'never') return { action: 'dead-letter', error };
  return { action: 'retry', triesMax: TRIES_MAX, error };
}
