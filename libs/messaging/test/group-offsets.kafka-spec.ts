// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '#libs/observability';
import { startKafkaForTests, type TestKafka } from '#libs/testing';
import { KafkaBroker, KafkaOffsets } from '../src';
import { describeGroupOffsets } from './offsets-contract';

jest.setTimeout(180_000);

let kafka: TestKafka;

beforeAll(async () => {
  kafka = await startKafkaForTests();
});
afterAll(() => kafka.stop());

describeGroupOffsets('Kafka', () => ({
  connect: async () => {
    const broker = new KafkaBroker({ brokers: kafka.brokers, service: 'spec', logger: silentLogger() });
    await broker.start();
    return broker;
  },
  offsets: () => new KafkaOffsets(kafka.brokers),
  movesLiveGroups: false,
}));
