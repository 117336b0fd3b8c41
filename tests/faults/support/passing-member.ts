// SPDX-License-Identifier: Apache-2.0
import { Kafka, logLevel } from 'kafkajs';

/** Joins a consumer group as a member that reads nothing and commits nothing; call what it gives back to leave. */
export async function joinAsPassingMember(brokers: string[], groupId: string, topic: string): Promise<() => Promise<void>> {
  const kafka = new Kafka({ clientId: 'millrace-faults-passing', brokers, logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async ({ pause }) => {
      pause(); // holds its share of the partitions without touching what is in them
    },
  });
  return () => consumer.disconnect();
}
