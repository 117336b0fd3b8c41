// SPDX-License-Identifier: Apache-2.0
import { isAppError, type AppError } from '#libs/errors';
import { MessagingErrors } from '../messaging.errors';

// https://kafka.apache.org/protocol#protocol_error_codes: what the same message would meet again.
const REFUSALS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_RECORD',
  'CORRUPT_MESSAGE',
]);

/** An error of kafkajs as an AppError, by the protocol's error name. */
export function mapKafkaError(error: unknown): AppError {
  if (isAppError(error)) return error;
  const type = protocolType(error);
  const details = type === undefined ? {} : { kafka: type };
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION')
    return MessagingErrors.UNKNOWN_TOPIC('the topic does not exist on Kafka', details, error);
  if (type !== undefined && REFUSALS.has(type))
    return MessagingErrors.MESSAGE_REFUSED(`Kafka refuses the message (${type})`, details, error);
  return MessagingErrors.BROKER_UNAVAILABLE('Kafka does not answer as expected', details, error);
}

/** The protocol's name of an error, looked for down the causes (retries wrap it). */
export function protocolType(error: unknown): string | undefined {
  return causes(error).find((cause): cause is Cause & { type: string } => typeof cause.type === 'string')?.type;
}

const AWAY =
  /^KafkaJS(NumberOfRetriesExceeded|Connection|RequestTimeout|NoBrokerAvailable|BrokerNotFound|GroupCoordinatorNotFound)/;

/**
 * True for errors that pass when Kafka is back. Looked for down the causes: kafkajs wraps a refused connection in an error that calls
 * itself not retriable.
 */
export function isOutage(error: unknown): boolean {
  return causes(error).some(({ name, retriable }) => retriable === true || AWAY.test(String(name)));
}

interface Cause {
  name?: unknown;
  type?: unknown;
  retriable?: unknown;
}

/** An error and what it wraps, outermost first. */
function causes(error: unknown): Cause[] {
  const found: Cause[] = [];
  let current = error as (Cause & { cause?: unknown; originalError?: unknown }) | undefined;
  for (; current && found.length < 8; current = (current.cause ?? current.originalError) as typeof current) found.push(current);
  return found;
}
