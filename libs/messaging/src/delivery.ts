// SPDX-License-Identifier: Apache-2.0
import type { IncomingMessage } from './broker';
import type { ReceivedEvent } from './events';

/** Where an event came from: what a dead letter must keep beside the event itself. */
export interface Delivery {
  consumer: string;
  message: IncomingMessage;
}

const deliveries = new WeakMap<object, Delivery>();

/** Remembers the raw message of an event, so that a handler can dead-letter the event alone. */
export function rememberDelivery(event: ReceivedEvent, delivery: Delivery): void {
  deliveries.set(event, delivery);
}

export function deliveryOf(event: ReceivedEvent): Delivery {
  const delivery = deliveries.get(event);
  if (!delivery) throw new TypeError('Only the very event object that the handler was given can be dead-lettered');
  return delivery;
}
