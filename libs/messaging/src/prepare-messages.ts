// SPDX-License-Identifier: Apache-2.0
import { isAppError, toAppError, type AppError } from '#libs/errors';
import type { IncomingMessage } from './broker';
import { checkData } from './check-data';
import { parseCloudEvent, peekAttributes, typeOf } from './cloud-events';
import { rememberDelivery } from './delivery';
import type { EventHandler, ReceivedEvent } from './events';
import { UNREADABLE_BATCH_HEADER } from './kafka/unreadable-batch-fix';
import { MessagingErrors } from './messaging.errors';

/** What is to be done about one message. */
export type Job =
  | { kind: 'skip' }
  | { kind: 'event'; handler: EventHandler; event: ReceivedEvent }
  /** Not an event, or data that its type cannot read: goes to the dead letters. */
  | { kind: 'poison'; event: ReceivedEvent; error: AppError };

/** Chooses the handler and reads the event. `attempt` is the delivery count of the message in this process. */
export function prepare(consumer: string, handlers: readonly EventHandler[], message: IncomingMessage, attempt: number): Job {
  const unreadableBatch = message.headers[UNREADABLE_BATCH_HEADER];
  if (unreadableBatch !== undefined) {
    const error = MessagingErrors.UNREADABLE_BATCH(unreadableBatch);
    return { kind: 'poison', event: unreadable(consumer, message, attempt), error };
  }
  const candidates = handlers.filter((handler) => handler.topic === message.topic);
  const raw = candidates.find((handler) => handler.type === undefined);
  const type = typeOf(message);
  const handler = candidates.find((candidate) => candidate.type === type && type !== undefined) ?? raw;
  // Types that nobody here asked for are none of our business, but on our topics everything is an event.
  if (!handler && type !== undefined) return { kind: 'skip' };
  try {
    if (!handler) throw MessagingErrors.NOT_AN_EVENT('type is missing', { field: 'type' });
    const parsed = parseCloudEvent(message);
    const event = received(parsed, message, attempt, decode(handler, parsed.data));
    rememberDelivery(event, { consumer, message, unclaimed: handler.ownsDuplicates });
    return { kind: 'event', handler, event };
  } catch (thrown) {
    return { kind: 'poison', event: unreadable(consumer, message, attempt), error: toAppError(thrown) };
  }
}

function decode(handler: EventHandler, json: unknown): unknown {
  try {
    const data = handler.decode(json);
    if (handler.type !== undefined) checkData(data, json);
    return data;
  } catch (thrown) {
    if (isAppError(thrown)) throw thrown;
    throw MessagingErrors.UNREADABLE_DATA(
      `data does not fit ${handler.type ?? handler.topic}: ${(thrown as Error).message}`,
      {},
      thrown,
    );
  }
}

type Parsed = ReturnType<typeof parseCloudEvent>;

// Field by field: this runs for every event of every consumer, and spreading costs more than the rest of it.
function received(parsed: Omit<Parsed, 'data'>, message: IncomingMessage, attempt: number, data: unknown): ReceivedEvent {
  const event: ReceivedEvent = {
    id: parsed.id,
    source: parsed.source,
    type: parsed.type,
    subject: parsed.subject,
    time: parsed.time,
    workspace: parsed.workspace,
    aggregateId: parsed.aggregateId,
    aggregateVersion: parsed.aggregateVersion,
    data,
    topic: message.topic,
    partition: message.partition,
    offset: message.offset,
    key: message.key,
    headers: message.headers,
    attempt,
  };
  if (parsed.traceparent !== undefined) event.traceparent = parsed.traceparent;
  return event;
}

/**
 * Stands for a message that is no event. Its place in the topic is the only identity that can be trusted; the broker's time belongs to
 * it, because a topic that is made anew gives the same offsets to other messages.
 */
function unreadable(consumer: string, message: IncomingMessage, attempt: number): ReceivedEvent {
  const { id, type, workspace } = peekAttributes(message);
  const place = `${message.topic}/${message.partition}/${message.offset}@${message.time.getTime()}`;
  const event = received(
    {
      id: place,
      source: 'unreadable',
      type: type || 'unknown',
      subject: id,
      time: message.time,
      workspace,
      aggregateId: '',
      aggregateVersion: 0,
    },
    message,
    attempt,
    null,
  );
  rememberDelivery(event, { consumer, message });
  return event;
}
