// SPDX-License-Identifier: Apache-2.0
import { startKafkaForTests } from '#libs/testing';
import { walkTheLoop } from '../support/walk-the-loop';

describe('the loop on real Kafka', () => {
  it('closes as on the embedded broker', async () => {
    const kafka = await startKafkaForTests();
    try {
      await walkTheLoop(['--broker', 'kafka'], { KAFKA_BROKERS: kafka.brokers.join(',') });
    } finally {
      await kafka.stop();
    }
  }, 420_000);
});
