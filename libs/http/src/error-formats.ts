// SPDX-License-Identifier: Apache-2.0
import 'reflect-metadata';
import type { AppError, ErrorKind, FieldViolation } from '#libs/errors';

/** Body shapes of errors: RFC 9457 problem documents, OpenAI's and MLflow's. */
export type ErrorFormatName = 'problem' | 'openai' | 'mlflow';

export interface RenderedError {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

const FORMAT = Symbol('millrace:error-format');

/** Chooses the error body of a controller or of one route. */
export function ErrorFormat(format: ErrorFormatName): ClassDecorator & MethodDecorator {
  return (target: object, _key?: string | symbol, descriptor?: PropertyDescriptor) => {
    Reflect.defineMetadata(FORMAT, format, (descriptor?.value as object | undefined) ?? target);
  };
}

export function errorFormatOf(handler: object, controller: object): ErrorFormatName | undefined {
  return (Reflect.getMetadata(FORMAT, handler) ?? Reflect.getMetadata(FORMAT, controller)) as ErrorFormatName | undefined;
}

/** The format of a path that no controller claimed (404, unreadable body): the protocol of that path. */
export function errorFormatOfPath(path: string): ErrorFormatName {
  if (path.startsWith('/v1/')) return 'openai';
  if (/^\/(ajax-)?api\/[23]\.0\//.test(path)) return 'mlflow';
  return 'problem';
}

const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  precondition: 412,
  unauthenticated: 401,
  forbidden: 403,
  exhausted: 429,
  unavailable: 503,
  deadline: 504,
  cancelled: 499,
  internal: 500,
};

const STATUS_BY_CODE: Record<string, number> = {
  'COMMON.REQUEST_TIMEOUT': 408,
  'COMMON.PAYLOAD_TOO_LARGE': 413,
  'COMMON.UNSUPPORTED_MEDIA_TYPE': 415,
  'COMMON.METHOD_NOT_ALLOWED': 405,
  'COMMON.UNIMPLEMENTED': 501,
};

export function httpStatusOf(error: AppError): number {
  return STATUS_BY_CODE[error.code] ?? STATUS[error.kind];
}

/** An error as an HTTP answer in one of the formats. */
export function renderError(
  error: AppError,
  format: ErrorFormatName,
  request: { path: string; requestId: string },
): RenderedError {
  // MLflow's server answers a taken name with 400, and its client raises by that.
  const status = format === 'mlflow' && error.kind === 'already-exists' ? 400 : httpStatusOf(error);
  const headers = commonHeaders(error, status, format);
  if (format === 'openai') return { status, headers, body: openAiBody(error, status) };
  if (format === 'mlflow') return { status, headers, body: mlflowBody(error, status) };
  return {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
    body: problemBody(error, status, request),
  };
}

function commonHeaders(error: AppError, status: number, format: ErrorFormatName): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'x-millrace-error-code': error.code,
  };
  if (status === 401) headers['www-authenticate'] = format === 'mlflow' ? 'Basic realm="mlflow"' : 'Bearer realm="millrace"';
  if (Array.isArray(error.details.allow)) headers.allow = error.details.allow.join(', ');
  const retryAfterMs = error.retryAfterMs ?? (error.retry === 'later' ? 1000 : undefined);
  if (retryAfterMs !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
    if (format === 'openai') headers['retry-after-ms'] = String(Math.round(retryAfterMs));
  }
  // OpenAI's SDKs retry 409, 429 and 5xx by themselves unless told otherwise.
  if (format === 'openai' && error.retry === 'never') headers['x-should-retry'] = 'false';
  return headers;
}

// Lists are read behind both kinds of doors, and told of by the names of gRPC.
const QUERY_NAMES: Record<string, string> = { page_token: 'pageToken', page_size: 'pageSize' };

function problemBody(error: AppError, status: number, request: { path: string; requestId: string }): Record<string, unknown> {
  const violations = violationsOf(error).map((one) => ({ ...one, field: QUERY_NAMES[one.field] ?? one.field }));
  const { violations: _listed, ...details } = error.details;
  return {
    type: `urn:millrace:error:${error.code.toLowerCase().replace(/_/g, '-').replace('.', ':')}`,
    title: titleOf(error.code),
    status,
    code: error.code,
    detail: error.message,
    instance: request.path,
    requestId: request.requestId,
    ...(violations.length > 0 ? { errors: violations } : {}),
    ...(Object.keys(details).length > 0 ? { details } : {}),
  };
}

const OPENAI_TYPE: Partial<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

// `type`, `param` and `openaiCode` in the details override what follows from the status.
function openAiBody(error: AppError, status: number): Record<string, unknown> {
  const { details } = error;
  const type = text(details.type) ?? OPENAI_TYPE[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
  const code = text(details.openaiCode) ?? (status === 401 ? 'invalid_api_key' : error.code.split('.').pop()!.toLowerCase());
  return { error: { message: error.message, type, param: text(details.param) ?? violationsOf(error)[0]?.field ?? null, code } };
}

const MLFLOW_CODE: Record<ErrorKind, string> = {
  invalid: 'INVALID_PARAMETER_VALUE',
  'not-found': 'RESOURCE_DOES_NOT_EXIST',
  'already-exists': 'RESOURCE_ALREADY_EXISTS',
  conflict: 'RESOURCE_CONFLICT',
  precondition: 'INVALID_STATE',
  unauthenticated: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  exhausted: 'RESOURCE_EXHAUSTED',
  unavailable: 'TEMPORARILY_UNAVAILABLE',
  deadline: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  internal: 'INTERNAL_ERROR',
};

// MLflow's client tries the next method or path that it knows after ENDPOINT_NOT_FOUND, and after nothing else.
const ENDPOINT_CODES = new Set(['COMMON.ROUTE_NOT_FOUND', 'COMMON.METHOD_NOT_ALLOWED']);

function mlflowBody(error: AppError, status: number): Record<string, unknown> {
  const route = ENDPOINT_CODES.has(error.code) ? 'ENDPOINT_NOT_FOUND' : undefined;
  const code = text(error.details.mlflowCode) ?? route ?? (status === 501 ? 'NOT_IMPLEMENTED' : MLFLOW_CODE[error.kind]);
  return { error_code: code, message: error.message };
}

function violationsOf(error: AppError): FieldViolation[] {
  const { violations } = error.details;
  return Array.isArray(violations) ? (violations as FieldViolation[]) : [];
}

function titleOf(code: string): string {
  const words = code.split('.').pop()!.toLowerCase().replace(/_/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
