// SPDX-License-Identifier: Apache-2.0
// What bench:feedback compares with: kafkajs `eachBatch` and one `unnest` insert per batch into a plain table, without our host,
// inbox, validation, joins, raters or outbox. Arguments: brokers, database URL, number of the round.
import { Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { CREATE_PLAIN_FEEDBACK, insertPlainFeedback, TAKEN } from './plain-feedback';

const [brokers, databaseUrl, round] = process.argv.slice(2);

interface Data {
  target: { id: string };
  metric: string;
  value: unknown;
  rater: { id: string };
  comment: string;
}

async function main(): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: TAKEN.partitionsConcurrentMax });
  await pool.query(CREATE_PLAIN_FEEDBACK);
  const kafka = new Kafka({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({
    groupId: `bench.plain.${round}`,
    maxWaitTimeInMs: 200,
    maxBytesPerPartition: TAKEN.fetchBytesMax,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: ['feedback.v1'], fromBeginning: true });
  process.stdout.write(`${JSON.stringify({ baseUrl: 'none' })}\n`);
  await consumer.run({
    partitionsConsumedConcurrently: TAKEN.partitionsConcurrentMax,
    eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
      for (let start = 0; start < batch.messages.length; start += TAKEN.sizeMax) {
        const piece = batch.messages.slice(start, start + TAKEN.sizeMax);
        const rows = piece.map((message) => {
          const data = JSON.parse(message.value?.toString() ?? '{}') as Data;
          return {
            id: String(message.headers?.['ce_id']),
            inferenceId: data.target.id,
            metric: data.metric,
            valueJson: JSON.stringify(data.value),
            rater: data.rater.id,
            comment: data.comment,
            time: String(message.headers?.['ce_time']),
          };
        });
        await insertPlainFeedback((sql, params) => pool.query(sql, params), rows);
        resolveOffset(piece[piece.length - 1].offset);
        await heartbeat();
      }
    },
  });
}

process.once('SIGTERM', () => process.exit(0));
void main();
