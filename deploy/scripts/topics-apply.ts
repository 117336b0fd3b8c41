// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { listTopics } from '#libs/contracts';
import { applyTopics } from '../local/kafka-topics';
import { runCli, UsageError } from './cli';

const usage = `npm run topics:apply -- [--brokers host:port,...]
Creates the topics of libs/contracts/src/topics.ts that Kafka lacks and sets their retention. Default brokers: KAFKA_BROKERS.
Refuses a topic that exists with another number of partitions: its keys would change their place.`;

async function apply(argv: string[]): Promise<void> {
  const { values } = parseArgs({ args: argv, options: { brokers: { type: 'string' } } });
  const brokers = (values.brokers ?? process.env.KAFKA_BROKERS ?? '').split(',').filter((broker) => broker !== '');
  if (brokers.length === 0) throw new UsageError('--brokers: say where Kafka is, or set KAFKA_BROKERS');
  await applyTopics(brokers);
  process.stdout.write(`${listTopics().length} topics are as declared\n`);
}

void runCli(usage, apply);
