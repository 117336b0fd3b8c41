// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import { MessagingErrors } from './messaging.errors';

export interface HandlerLimit {
  clock: Clock;
  handlerMsMax: number;
}

/** Waits for a handler, but no longer than its hard limit: then throws MESSAGING.HANDLER_TIMEOUT, and the handler is left behind. */
export async function limited<T>(handling: Promise<T>, consumer: string, { clock, handlerMsMax }: HandlerLimit): Promise<T> {
  let cancel: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    cancel = clock.timer(handlerMsMax, () => {
      reject(MessagingErrors.HANDLER_TIMEOUT(`the handler did not return within ${handlerMsMax} ms`, { consumer }));
    });
  });
  try {
    return await Promise.race([handling, late]);
  } finally {
    cancel?.();
    // A late failure of an abandoned handler has nobody left to hear it.
    handling.catch(() => undefined);
  }
}
