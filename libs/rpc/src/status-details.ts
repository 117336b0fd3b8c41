// SPDX-License-Identifier: Apache-2.0
import { Metadata, type ServiceError, status, type StatusObject } from '@grpc/grpc-js';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { AppError, CommonErrors, type ErrorKind, type FieldViolation, findErrorCode, type Retry } from '#libs/errors';

const STATUS_OF_KIND: Record<ErrorKind, status> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  conflict: status.ABORTED,
  precondition: status.FAILED_PRECONDITION,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  exhausted: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  deadline: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  internal: status.INTERNAL,
};

const DETAILS_BYTES_MAX = 4096;
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';
const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest';
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

export function grpcStatusOf(error: AppError): status {
  return error.code === 'COMMON.UNIMPLEMENTED' ? status.UNIMPLEMENTED : STATUS_OF_KIND[error.kind];
}

/**
 * An error as a gRPC status with AIP-193 details: ErrorInfo (reason VERSION_CONFLICT, domain registry.millrace), BadRequest for
 * wrong fields, RetryInfo for a hint; and the plain trailer `millrace-error-code` for people with grpcurl.
 */
export function toGrpcStatus(error: AppError): StatusObject {
  const code = grpcStatusOf(error);
  const metadata = new Metadata();
  metadata.set('millrace-error-code', error.code);
  metadata.set('grpc-status-details-bin', encodeStatus(code, error));
  // The message travels in a header: longer ones would break the frame limit of some clients.
  return { code, details: error.message.slice(0, 2000), metadata };
}

function encodeStatus(code: status, error: AppError): Buffer {
  const writer = new BinaryWriter();
  writer.uint32(varintTag(1)).int32(code).uint32(tag(2)).string(error.message.slice(0, 2000));
  const add = (typeUrl: string, value: Uint8Array): void => {
    const any = new BinaryWriter().uint32(tag(1)).string(typeUrl).uint32(tag(2)).bytes(value).finish();
    writer.uint32(tag(3)).bytes(any);
  };
  add(ERROR_INFO, encodeErrorInfo(error));
  const { violations } = error.details;
  if (Array.isArray(violations)) add(BAD_REQUEST, encodeViolations(violations as FieldViolation[]));
  if (error.retryAfterMs !== undefined) add(RETRY_INFO, encodeRetryInfo(error.retryAfterMs));
  return Buffer.from(writer.finish());
}

function encodeErrorInfo(error: AppError): Uint8Array {
  const [prefix, reason] = error.code.split('.');
  const details = JSON.stringify(error.details);
  const fields: Record<string, string> = {
    code: error.code,
    kind: error.kind,
    retry: error.retry,
    ...(details !== '{}' && Buffer.byteLength(details) <= DETAILS_BYTES_MAX ? { details } : {}),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: String(error.retryAfterMs) }),
  };
  const writer = new BinaryWriter().uint32(tag(1)).string(reason ?? error.code);
  writer.uint32(tag(2)).string(`${prefix.toLowerCase().replace(/_/g, '-')}.millrace`);
  for (const [key, value] of Object.entries(fields)) {
    writer.uint32(tag(3)).bytes(new BinaryWriter().uint32(tag(1)).string(key).uint32(tag(2)).string(value).finish());
  }
  return writer.finish();
}

function encodeViolations(violations: FieldViolation[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { field, message } of violations.slice(0, 50)) {
    writer
      .uint32(tag(1))
      .bytes(new BinaryWriter().uint32(tag(1)).string(field).uint32(tag(2)).string(message.slice(0, 300)).finish());
  }
  return writer.finish();
}

function encodeRetryInfo(retryAfterMs: number): Uint8Array {
  const seconds = Math.floor(retryAfterMs / 1000);
  const duration = new BinaryWriter().uint32(varintTag(1)).int64(seconds);
  duration.uint32(varintTag(2)).int32(Math.round((retryAfterMs - seconds * 1000) * 1e6));
  return new BinaryWriter().uint32(tag(1)).bytes(duration.finish()).finish();
}

// Key of a length-delimited field (wire type 2).
function tag(field: number): number {
  return (field << 3) | 2;
}

function varintTag(field: number): number {
  return field << 3;
}

const KIND_OF_STATUS: Partial<Record<status, ErrorKind>> = {
  ...Object.fromEntries(Object.entries(STATUS_OF_KIND).map(([kind, code]) => [code, kind])),
  [status.OUT_OF_RANGE]: 'invalid',
};

/** The error of a call as the server's AppError: same code, kind, retry and details; the transport's own failures get COMMON codes. */
export function fromServiceError(error: ServiceError, target: string): AppError {
  const info = readErrorInfo(error);
  if (info?.code) {
    const known = findErrorCode(info.code);
    const kind = (info.kind as ErrorKind | undefined) ?? known?.kind ?? 'internal';
    return new AppError({
      code: info.code,
      kind,
      retry: (info.retry as Retry | undefined) ?? known?.retry ?? 'never',
      message: error.details,
      details: parseDetails(info.details),
      cause: error,
      ...(info.retryAfterMs ? { retryAfterMs: Number(info.retryAfterMs) } : {}),
    });
  }
  const message = `${target}: ${error.details || error.message}`;
  switch (KIND_OF_STATUS[error.code]) {
    case 'deadline':
      return CommonErrors.DEADLINE(message, { target }, error);
    case 'unavailable':
      return CommonErrors.UNAVAILABLE(message, { target }, error);
    case 'cancelled':
      return CommonErrors.CANCELLED(message, { target }, error);
    case 'exhausted':
      return CommonErrors.RESOURCE_EXHAUSTED(message, { target }, error);
    case 'unauthenticated':
      return CommonErrors.UNAUTHENTICATED(message, { target }, error);
    case 'forbidden':
      return CommonErrors.FORBIDDEN(message, { target }, error);
    case 'invalid':
      return CommonErrors.INVALID_ARGUMENT(message, { target }, error);
    case 'not-found':
      return CommonErrors.NOT_FOUND(message, { target }, error);
    default:
      if (error.code === status.UNIMPLEMENTED) return CommonErrors.UNIMPLEMENTED(message, { target }, error);
      return CommonErrors.INTERNAL(message, { target }, error);
  }
}

function readErrorInfo(error: ServiceError): Record<string, string> | undefined {
  const encoded = error.metadata?.get('grpc-status-details-bin')[0];
  if (!Buffer.isBuffer(encoded)) return undefined;
  try {
    for (const any of fieldsOf(encoded, 3)) {
      if (textOf(any, 1) !== ERROR_INFO) continue;
      const entries = fieldsOf(fieldsOf(any, 2)[0] ?? new Uint8Array(), 3);
      return Object.fromEntries(entries.map((entry) => [textOf(entry, 1), textOf(entry, 2)]));
    }
  } catch {
    // Details of another server that we cannot read: the status itself still says what happened.
    return undefined;
  }
  return undefined;
}

function fieldsOf(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted && wireType === 2) found.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return found;
}

function textOf(bytes: Uint8Array, field: number): string {
  return Buffer.from(fieldsOf(bytes, field)[0] ?? new Uint8Array()).toString('utf8');
}

function parseDetails(text: string | undefined): Record<string, unknown> {
  if (!text) return {};
  const value = JSON.parse(text) as unknown;
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
