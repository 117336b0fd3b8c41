// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '#libs/observability';
import { startKafkaForTests, type TestKafka } from '#libs/testing';
import { KafkaBroker } from '../src';
import { describeGathered } from './gathered-contract';

jest.setTimeout(180_000);

let kafka: TestKafka;
let topics = 0;

beforeAll(async () => {
  kafka = await startKafkaForTests();
});
afterAll(() => kafka.stop());

describeGathered('Kafka', async () => {
  topics += 1;
  const topic = `gathered-${topics}.v1`;
  const broker = new KafkaBroker({ brokers: kafka.brokers, service: 'spec', logger: silentLogger() });
  await broker.ensureTopics([{ name: topic, partitions: 6, retentionDays: 1 }]);
  await broker.close();
  return { urls: { kafka: kafka.brokers }, topic };
});
