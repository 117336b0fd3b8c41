// SPDX-License-Identifier: Apache-2.0
import { SystemClock } from '#libs/clock';
import { listTopics } from '#libs/contracts';
import { KafkaBroker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';

/** Makes the topics of the registry that are missing. Throws when a topic exists with another number of partitions. */
export async function applyTopics(brokers: string[]): Promise<void> {
  const broker = new KafkaBroker({ brokers, service: 'launcher', logger: silentLogger(), clock: new SystemClock() });
  await broker.start();
  try {
    await broker.ensureTopics(listTopics());
  } finally {
    await broker.close();
  }
}
