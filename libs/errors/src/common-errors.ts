// SPDX-License-Identifier: Apache-2.0
import { AppError, isAppError, type FieldViolation } from './app-error';
import { defineErrors } from './define-errors';

/** Codes that any service may answer. */
export const CommonErrors = defineErrors('COMMON', {
  INVALID_ARGUMENT: { kind: 'invalid', retry: 'never', help: 'The request is wrong; details.violations names each field.' },
  PAYLOAD_TOO_LARGE: { kind: 'invalid', retry: 'never', help: 'The body is larger than this door accepts.' },
  UNSUPPORTED_MEDIA_TYPE: { kind: 'invalid', retry: 'never', help: 'The content type is not one that this door reads.' },
  METHOD_NOT_ALLOWED: { kind: 'invalid', retry: 'never', help: 'The path exists, the method does not.' },
  NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such resource in this workspace.' },
  ROUTE_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No route or RPC answers this address.' },
  ALREADY_EXISTS: { kind: 'already-exists', retry: 'never', help: 'The name or id is taken.' },
  CONFLICT: { kind: 'conflict', retry: 'never', help: 'The resource changed meanwhile; read it again.' },
  REQUEST_ID_REUSED: { kind: 'conflict', retry: 'never', help: 'The request id was used for another request within 24 hours.' },
  PRECONDITION_FAILED: { kind: 'precondition', retry: 'never', help: 'The resource is not in a state that allows this.' },
  UNAUTHENTICATED: { kind: 'unauthenticated', retry: 'never', help: 'No token, or one that is wrong or expired.' },
  FORBIDDEN: { kind: 'forbidden', retry: 'never', help: 'The caller lacks the role in this workspace.' },
  RESOURCE_EXHAUSTED: { kind: 'exhausted', retry: 'later', help: 'A bound is reached; retry after the hint.' },
  UNAVAILABLE: { kind: 'unavailable', retry: 'later', help: 'A dependency does not answer; retry with back-off.' },
  DEADLINE: { kind: 'deadline', retry: 'later', help: 'The time given for the call ran out; the outcome may be unknown.' },
  REQUEST_TIMEOUT: { kind: 'deadline', retry: 'later', help: 'The request came too slowly to wait for the rest of it.' },
  CANCELLED: { kind: 'cancelled', retry: 'never', help: 'The caller went away.' },
  UNIMPLEMENTED: { kind: 'precondition', retry: 'never', help: 'The server does not offer this operation.' },
  INTERNAL: {
    kind: 'internal',
    retry: 'in-place',
    help: 'A bug or an unexpected failure; the log of the service has the cause.',
  },
});

/** INVALID_ARGUMENT with one or more named fields. The message lists them. */
export function invalidFields(...violations: FieldViolation[]): AppError {
  const message = violations.map((violation) => `${violation.field}: ${violation.message}`).join('; ');
  return CommonErrors.INVALID_ARGUMENT(message || 'the request is invalid', { violations });
}

/** NOT_FOUND of a named thing, worded alike everywhere. */
export function notFound(noun: string, id: string): AppError {
  return CommonErrors.NOT_FOUND(`${noun} ${JSON.stringify(id)} not found`, { noun, id });
}

/**
 * Whatever was thrown, as an AppError. Unknown errors become COMMON.INTERNAL with a message that reveals nothing; the original
 * is kept as `cause` for the log.
 */
export function toAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  // By name: the platform throws DOMException for these, and `instanceof Error` fails across realms.
  const name = (error as { name?: unknown } | null | undefined)?.name;
  if (name === 'AbortError') return CommonErrors.CANCELLED('the operation was cancelled', undefined, error);
  if (name === 'TimeoutError') return CommonErrors.DEADLINE('the operation took too long', undefined, error);
  return CommonErrors.INTERNAL('internal error', undefined, error);
}
