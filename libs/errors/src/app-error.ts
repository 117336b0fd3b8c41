// SPDX-License-Identifier: Apache-2.0

/** What went wrong, in terms that every transport can map once (gRPC status, HTTP status, consumer action). */
export type ErrorKind =
  | 'invalid'
  | 'not-found'
  | 'already-exists'
  | 'conflict'
  | 'precondition'
  | 'unauthenticated'
  | 'forbidden'
  | 'exhausted'
  | 'unavailable'
  | 'deadline'
  | 'cancelled'
  | 'internal';

/** What a caller may do: nothing, the same again at once (a few times), or the same again when the cause has passed. */
export type Retry = 'never' | 'later' | 'in-place';

/** Details that a caller may see. Never put secrets, payloads or SQL here. */
export type ErrorDetails = Record<string, unknown>;

/** One refused field of a request. */
export interface FieldViolation {
  field: string;
  message: string;
}

export interface AppErrorFields {
  code: string;
  kind: ErrorKind;
  retry: Retry;
  message: string;
  details?: ErrorDetails;
  cause?: unknown;
  retryAfterMs?: number;
}

/** The only error type that leaves domain code and use cases. Compare by `code`, never by class or message. */
export class AppError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly retry: Retry;
  readonly details: ErrorDetails;
  /** Milliseconds after which a retry is sensible, when known. */
  readonly retryAfterMs?: number;

  constructor(fields: AppErrorFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'AppError';
    this.code = fields.code;
    this.kind = fields.kind;
    this.retry = fields.retry;
    this.details = fields.details ?? {};
    if (fields.retryAfterMs !== undefined) this.retryAfterMs = fields.retryAfterMs;
  }

  /** The same error with a hint for the caller's next try. */
  withRetryAfter(retryAfterMs: number): AppError {
    const { code, kind, retry, message, details, cause } = this;
    const copy = new AppError({ code, kind, retry, message, details, cause, retryAfterMs });
    copy.stack = this.stack;
    return copy;
  }
}

/** True for an AppError, also one made by another copy of this module. */
export function isAppError(error: unknown): error is AppError {
  if (error instanceof AppError) return true;
  const candidate = error as Partial<AppError> | null | undefined;
  return (
    typeof candidate === 'object' &&
    candidate?.name === 'AppError' &&
    typeof candidate.code === 'string' &&
    typeof candidate.kind === 'string' &&
    typeof candidate.retry === 'string'
  );
}

/** True when the error, or one that caused it, carries this code. */
export function hasCode(error: unknown, code: string): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < 16 && current !== null && current !== undefined; depth += 1) {
    if ((current as { code?: unknown }).code === code) return true;
    current = (current as { cause?: unknown }).cause;
  }
  return false;
}
