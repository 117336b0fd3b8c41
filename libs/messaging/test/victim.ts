// SPDX-License-Identifier: Apache-2.0
// A process that joins a group, takes a batch and never finishes it: made to be killed. Argument: JSON of VictimOrder.
import { silentLogger } from '#libs/observability';
import { EventLogBroker, KafkaBroker, type Broker, type EventLogOptions, type KafkaOptions } from '#libs/messaging';

export interface VictimOrder {
  kind: 'event-log' | 'kafka';
  options: Omit<EventLogOptions, 'logger'> | Omit<KafkaOptions, 'logger'>;
  group: string;
  topic: string;
}

async function main(): Promise<void> {
  const { kind, options, group, topic } = JSON.parse(process.argv[2] ?? '') as VictimOrder;
  const withLogger = { ...options, logger: silentLogger() };
  const broker: Broker =
    kind === 'kafka' ? new KafkaBroker(withLogger as KafkaOptions) : new EventLogBroker(withLogger as EventLogOptions);
  await broker.start();
  const subscription = await broker.subscribe({
    group,
    topics: [topic],
    batchSizeMax: 100,
    partitionsConcurrentMax: 4,
    onFatal: () => process.exit(1),
    onBatch: async (batch) => {
      process.stdout.write(`stuck at ${batch.messages[0]?.offset}\n`);
      await new Promise(() => undefined);
      return { processed: 0 };
    },
  });
  const timer = setInterval(() => {
    if (subscription.assignment().length === 0) return;
    process.stdout.write(`owns ${subscription.assignment().join(' ')}\n`);
    clearInterval(timer);
  }, 20);
}

main().catch((error: unknown) => {
  process.stderr.write(`${String((error as Error).stack)}\n`);
  process.exit(1);
});
