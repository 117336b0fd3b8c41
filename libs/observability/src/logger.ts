// SPDX-License-Identifier: Apache-2.0
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentTrace } from './trace-context';

/** Fields of a log line; put ids and figures here and keep the message constant. */
export type LogFields = Record<string, unknown>;

/** Structured log: `logger.info({ jobId }, 'job queued')`. Errors go in the field `err`. */
export abstract class Logger {
  abstract trace(fields: LogFields, message: string): void;
  abstract debug(fields: LogFields, message: string): void;
  abstract info(fields: LogFields, message: string): void;
  abstract warn(fields: LogFields, message: string): void;
  abstract error(fields: LogFields, message: string): void;
  /** A logger that adds these fields to each line. */
  abstract child(fields: LogFields): Logger;
}

// Two levels deep is as far as our own fields nest; deeper objects are payloads, which are not logged.
const SECRET_KEYS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'accessToken',
  'apiKey',
  'api_key',
  'authSigningKey',
  'authAcceptedKey',
  'signingKey',
  'secretAccessKey',
  'databaseUrl',
  'eventLogUrl',
  'DATABASE_URL',
  'AUTH_SIGNING_KEY',
];
const REDACTED = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*["${key}"]`]);

/**
 * JSON lines on standard output (or `destination`): time, level, service, trace id, the fields, msg. Values of fields that are
 * named like secrets are replaced, also one and two levels down.
 */
export function createLogger(service: string, level = 'info', destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: [...new Set(REDACTED)], censor: '***' },
    serializers: { err: describeError, cause: describeError },
    mixin: () => {
      const trace = currentTrace();
      return trace ? { traceId: trace.traceId, spanId: trace.spanId } : {};
    },
  };
  return new PinoAdapter(destination ? pino(options, destination) : pino(options));
}

/** A logger that drops everything, for tests. */
export function silentLogger(): Logger {
  return createLogger('silent', 'silent');
}

class PinoAdapter extends Logger {
  constructor(private readonly target: PinoLogger) {
    super();
  }

  trace(fields: LogFields, message: string): void {
    this.target.trace(fields, message);
  }

  debug(fields: LogFields, message: string): void {
    this.target.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.target.info(fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.target.warn(fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.target.error(fields, message);
  }

  child(fields: LogFields): Logger {
    return new PinoAdapter(this.target.child(fields));
  }
}

/** An error as log fields: code, kind, message, stack, and the chain of causes (8 deep). Driver extras such as SQL are left out. */
export function describeError(error: unknown, depth = 0): unknown {
  if (typeof error !== 'object' || error === null || !('message' in error)) return error;
  const source = error as { name?: string; code?: unknown; kind?: unknown; message: unknown; stack?: string; cause?: unknown };
  return {
    name: source.name,
    ...(source.code === undefined ? {} : { code: source.code }),
    ...(source.kind === undefined ? {} : { kind: source.kind }),
    message: String(source.message),
    stack: source.stack,
    ...(source.cause === undefined || depth >= 8 ? {} : { cause: describeError(source.cause, depth + 1) }),
  };
}
