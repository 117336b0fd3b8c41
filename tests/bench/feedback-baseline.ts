// SPDX-License-Identifier: Apache-2.0
// What bench:feedback compares with: kafkajs `eachBatch` and one `unnest` insert per batch into a plain table, without our host,
// inbox, validation, joins, raters or outbox. Arguments: brokers, database URL, events to take. Prints when it is done.
import { Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';

const [brokers, databaseUrl, wanted] = process.argv.slice(2);

async function main(): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 4 });
  await pool.query(`create table if not exists plain_feedback (
    workspace text not null, source text not null, source_id text not null, inference_id text not null, metric text not null,
    value jsonb not null, rater text not null, comment text not null, occurred_time timestamptz not null,
    primary key (workspace, source, source_id))`);
  const kafka = new Kafka({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: 'bench.plain', maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['feedback.v1'], fromBeginning: true });
  let taken = 0;
  process.stdout.write(`${JSON.stringify({ baseUrl: 'none' })}\n`);
  await consumer.run({
    partitionsConsumedConcurrently: 4,
    eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
      for (let start = 0; start < batch.messages.length; start += 1000) {
        const piece = batch.messages.slice(start, start + 1000);
        const rows = piece.map((message) => ({
          id: String(message.headers?.['ce_id']),
          time: String(message.headers?.['ce_time']),
          data: JSON.parse(message.value?.toString() ?? '{}') as Record<string, { id: string }>,
        }));
        await pool.query(
          `insert into plain_feedback select 'default', 'bench', * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[],
             $5::text[], $6::text[], $7::timestamptz[]) on conflict do nothing`,
          [
            rows.map((row) => row.id),
            rows.map((row) => row.data['target'].id),
            rows.map((row) => row.data['metric']),
            rows.map((row) => JSON.stringify(row.data['value'])),
            rows.map((row) => row.data['rater'].id),
            rows.map((row) => row.data['comment']),
            rows.map((row) => row.time),
          ],
        );
        taken += piece.length;
        resolveOffset(piece[piece.length - 1].offset);
        await heartbeat();
      }
      if (taken >= Number(wanted)) process.stdout.write('done\n');
    },
  });
}

process.once('SIGTERM', () => process.exit(0));
void main();
