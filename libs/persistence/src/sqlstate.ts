// SPDX-License-Identifier: Apache-2.0
import { isAppError, type AppError, type ErrorFactory } from '#libs/errors';
import { PersistenceErrors } from './persistence.errors';

/** What pg throws for an answer of the server. */
interface ServerError extends Error {
  code: string;
  constraint?: string;
  table?: string;
  column?: string;
  severity?: string;
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html; the longest matching prefix wins.
const BY_SQLSTATE: Record<string, ErrorFactory> = {
  '23505': PersistenceErrors.UNIQUE_VIOLATION,
  '23503': PersistenceErrors.FOREIGN_KEY_VIOLATION,
  '23514': PersistenceErrors.CHECK_VIOLATION,
  '23502': PersistenceErrors.CHECK_VIOLATION,
  '22': PersistenceErrors.INVALID_VALUE,
  '40001': PersistenceErrors.SERIALIZATION,
  '40P01': PersistenceErrors.SERIALIZATION,
  '55P03': PersistenceErrors.LOCK_TIMEOUT,
  '57014': PersistenceErrors.STATEMENT_TIMEOUT,
  '57P': PersistenceErrors.UNAVAILABLE, // shutdown, crash, cannot connect now
  '08': PersistenceErrors.UNAVAILABLE,
  '25P03': PersistenceErrors.UNAVAILABLE, // idle in transaction for too long: the server closed the session
  '25006': PersistenceErrors.UNAVAILABLE, // read-only: a failover is under way
  '53': PersistenceErrors.STORAGE_FULL,
  '54': PersistenceErrors.INVALID_VALUE, // larger than an index or a statement can be: whoever sent it would meet that again
  '58': PersistenceErrors.STORAGE_FULL,
  '3D000': PersistenceErrors.UNAVAILABLE, // the database does not exist (yet)
  '28': PersistenceErrors.UNAVAILABLE,
};

const CONNECTION_LOST =
  /Connection terminated|Connection ended|Client was closed|not queryable|timeout expired|Client has encountered a connection error/;
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'ECONNABORTED',
  'EADDRNOTAVAIL',
  'EMFILE', // no file is left for a socket, of this process or of this machine
  'ENFILE',
]);
// What Node and OpenSSL call a handshake that fails and a stream that breaks; pg has words of its own for a server without TLS.
const TLS_CODES = /^(EPROTO$|ERR_SSL_|ERR_TLS_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|HOSTNAME_MISMATCH)/;
const TLS_REFUSED = /does not support SSL connections|establishing an SSL connection/;

/** True when the server itself answered (its connection is still good unless the severity is FATAL). */
export function isServerAnswer(error: unknown): error is ServerError {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof (error as ServerError).severity === 'string';
}

/** True when the connection that gave this error must not be used again. */
export function breaksConnection(error: unknown): boolean {
  return !isServerAnswer(error) || error.severity === 'FATAL' || error.severity === 'PANIC';
}

/** Turns what the driver throws into an AppError; AppErrors pass. The message names no values: details may reach a caller. */
export function mapDriverError(error: unknown): AppError {
  if (isAppError(error)) return error;
  if (isServerAnswer(error)) {
    const { constraint, table, column } = error;
    const details = { sqlstate: error.code, ...definedOnly({ constraint, table, column }) };
    return factoryOf(error.code)(describe(error), details, error);
  }
  const text = error instanceof Error ? error.message : String(error);
  if (/Query read timeout/.test(text))
    return PersistenceErrors.STATEMENT_TIMEOUT('the database did not answer in time', {}, error);
  const code = (error as { code?: string } | null)?.code ?? '';
  if (CONNECTION_CODES.has(code) || CONNECTION_LOST.test(text) || TLS_CODES.test(code) || TLS_REFUSED.test(text)) {
    return PersistenceErrors.UNAVAILABLE('the database does not answer', {}, error);
  }
  return PersistenceErrors.QUERY_FAILED('the statement could not be sent', {}, error);
}

/** As `mapDriverError`, for a connection that was not made: no statement failed, so what no rule covers is a database that is away. */
export function mapConnectError(error: unknown): AppError {
  const mapped = mapDriverError(error);
  if (mapped.code !== 'PERSISTENCE.QUERY_FAILED') return mapped;
  return PersistenceErrors.UNAVAILABLE('there is no connection to the database', mapped.details, error);
}

/** True for a unique violation, of that constraint if one is named. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (!isAppError(error) || error.code !== 'PERSISTENCE.UNIQUE_VIOLATION') return false;
  return constraint === undefined || error.details['constraint'] === constraint;
}

function factoryOf(sqlstate: string): ErrorFactory {
  for (let length = 5; length >= 2; length -= 1) {
    const factory = BY_SQLSTATE[sqlstate.slice(0, length)];
    if (factory) return factory;
  }
  return PersistenceErrors.QUERY_FAILED;
}

function describe(error: ServerError): string {
  if (error.constraint) return `the database refused the row (${error.constraint})`;
  return `the database answered SQLSTATE ${error.code}`;
}

function definedOnly(fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
