// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from './broker';
import type { ReceivedEvent } from './events';

/** Where an event came from: what a dead letter must keep beside the event itself. */
export interface Delivery {
  consumer: string;
  message: IncomingMessage;
  /** The event has no inbox row: its handler finds repeats itself. */
  unclaimed?: boolean;
  /** The replay of a dead letter, which has counted this attempt already. */
  isReplay?: boolean;
}

/** A property of the very object, not of its copies. A WeakMap of every event in hand would cost the garbage collector more than it. */
const DELIVERY = Symbol('delivery');

/** Remembers the raw message of an event, so that a handler can dead-letter the event alone. */
export function rememberDelivery(event: ReceivedEvent, delivery: Delivery): void {
  Object.defineProperty(event, DELIVERY, { value: delivery });
}

export function deliveryOf(event: ReceivedEvent): Delivery {
  const delivery = (event as { [DELIVERY]?: Delivery })[DELIVERY];
  if (!delivery) throw new TypeError('Only the very event object that the handler was given can be dead-lettered');
  return delivery;
}
