// SPDX-License-Identifier: Apache-2.0
// Lets handlers break on chosen events: an id that contains "handler-bug" makes them throw a TypeError, one that contains
// "handler-hangs" makes them never return.
import { onExport } from './on-export';

interface Handler {
  handle(events: { id: string }[], tx: unknown): Promise<void>;
}

onExport('ConsumerHost', ({ prototype }) => {
  const start = prototype.start as (this: { consumer: { handlers: Handler[] } }) => Promise<void>;
  prototype.start = function startPoisoned(this: { consumer: { handlers: Handler[] } }): Promise<void> {
    for (const handler of this.consumer.handlers) {
      const handle = handler.handle.bind(handler);
      handler.handle = async (events, tx) => {
        if (events.some(({ id }) => id.includes('handler-bug'))) throw new TypeError('a planted bug of a handler');
        if (events.some(({ id }) => id.includes('handler-hangs'))) await new Promise<never>(() => undefined);
        return handle(events, tx);
      };
    }
    return start.call(this);
  };
});
