// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '#libs/observability';
import { startKafkaForTests, type TestKafka } from '#libs/testing';
import { KafkaBroker } from '../src';
import { describeBroker } from './broker-contract';

jest.setTimeout(120_000);

const SESSION_MS = 3_000;
const timings = { sessionTimeoutMs: SESSION_MS, heartbeatMs: 500, rebalanceTimeoutMs: 5_000, fetchWaitMs: 100 };

// A broker of its own: the contract kills it.
let kafka: TestKafka;

beforeAll(async () => {
  kafka = await startKafkaForTests({ own: true });
});
afterAll(() => kafka.stop());

const options = () => ({ brokers: kafka.brokers, service: 'spec', timings });

describeBroker('Kafka', () => ({
  connect: async () => {
    const broker = new KafkaBroker({ ...options(), logger: silentLogger() });
    await broker.start();
    return broker;
  },
  victim: { kind: 'kafka', options: options() },
  restartServer: () => kafka.restart('SIGKILL'),
  takeoverMs: SESSION_MS,
}));
