// SPDX-License-Identifier: Apache-2.0
// A process that handles events slowly and may be killed at any moment. Argument: JSON of ConsumerOrder.
import { setTimeout as delay } from 'node:timers/promises';
import { on } from '#libs/messaging';
import { Moved, startRig } from './rig';

export interface ConsumerOrder {
  database: string;
  /** Either the event log or Kafka. */
  eventLog?: string;
  kafka?: string[];
  /** An event with this number ends the process in the middle of its transaction, every time. */
  deadlyNumber?: number;
  /** It does so that much later: others have begun by then. Default: at once. */
  deadlyDelayMs?: number;
  /** Time between the effect and its commit. */
  handlerMs: number;
  leadSilenceMsMax?: number;
  /** Of Kafka: how long a dead member keeps its partitions. */
  sessionTimeoutMs?: number;
}

async function main(): Promise<void> {
  const order = JSON.parse(process.argv[2] ?? '') as ConsumerOrder;
  const handler = on(Moved, async (event, tx) => {
    await tx.query('insert into effects (event_id, key, n) values ($1, $2, $3)', [event.id, event.key, event.data.n]);
    if (event.data.n === order.deadlyNumber) {
      if (order.deadlyDelayMs !== undefined) await delay(order.deadlyDelayMs);
      process.kill(process.pid, 'SIGKILL');
    }
    await delay(order.handlerMs);
    tx.afterCommit(() => process.stdout.write(`handled ${event.data.n}\n`));
  });
  const rig = await startRig({ database: order.database, eventLog: order.eventLog, kafka: order.kafka }, [handler], {
    leadSilenceMsMax: order.leadSilenceMsMax,
    sessionTimeoutMs: order.sessionTimeoutMs,
  });
  process.stdout.write('ready\n');
  process.once('SIGTERM', () => {
    void rig.stop().then(() => process.stdout.write('stopped\n'));
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${String((error as Error).stack)}\n`);
  process.exit(1);
});
