// SPDX-License-Identifier: Apache-2.0
// Makes the relay believe that it has the lead, whoever has it, and linger between sending and marking: the other leader looks every
// five seconds unless it is woken, and must find what is sent and not marked.
import { setTimeout as delay } from 'node:timers/promises';
import { onExport } from './on-export';

const LINGER_MS = 200;

onExport('OutboxStore', ({ prototype }) => {
  prototype.tryLead = (): Promise<boolean> => Promise.resolve(true);
  const markSent = prototype.markSent as (this: unknown, positions: readonly string[]) => Promise<void>;
  prototype.markSent = async function (this: unknown, positions: readonly string[]): Promise<void> {
    await delay(LINGER_MS);
    return markSent.call(this, positions);
  };
});
