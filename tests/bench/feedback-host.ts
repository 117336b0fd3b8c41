// SPDX-License-Identifier: Apache-2.0
// What our consumer host adds to bench:feedback's baseline: the same rows into the same plain table, read through the broker port,
// with CloudEvents, dead letters, transactions, deadlines and crash guard. Arguments: brokers, database URL (migrated for messaging), number of the round.
import { SystemClock, UuidIds } from '#libs/clock';
import { EventConsumer, KafkaBroker, Messaging, onRawBatch, type ReceivedEvent } from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import { openPersistence, type Transaction } from '#libs/persistence';
import { CREATE_PLAIN_FEEDBACK, insertPlainFeedback, TAKEN } from './plain-feedback';

const [brokers, databaseUrl, round] = process.argv.slice(2);

interface Data {
  target: { id: string };
  metric: string;
  value: unknown;
  rater: { id: string };
  comment: string;
}

class PlainConsumer extends EventConsumer {
  readonly group = `bench.host.${round}`;
  override readonly batch = { ...TAKEN, gatherMs: 2 };
  readonly handlers = [onRawBatch('feedback.v1', (events, tx) => store(events, tx), { ownsDuplicates: true })];
}

async function store(events: ReceivedEvent[], tx: Transaction): Promise<number> {
  const rows = events.map(({ id, time, data }) => {
    const { target, metric, value, rater, comment } = data as Data;
    // In one literal, as in the baseline: a spread would cost as much as parsing the event did.
    return {
      id,
      inferenceId: target.id,
      metric,
      valueJson: JSON.stringify(value),
      rater: rater.id,
      comment,
      time: time.toISOString(),
    };
  });
  await insertPlainFeedback((sql, params) => tx.query(sql, params), rows);
  return events.length;
}

async function main(): Promise<void> {
  const logger = silentLogger();
  const metrics = new Metrics('bench');
  const { database, unitOfWork } = openPersistence({ databaseUrl, applicationName: 'bench-host' });
  await database.query(CREATE_PLAIN_FEEDBACK);
  const broker = new KafkaBroker({ brokers: brokers.split(','), service: 'bench', logger });
  const onFatal = (error: unknown): void => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  };
  const [clock, ids] = [new SystemClock(), new UuidIds()];
  const parts = { database, unitOfWork, broker, clock, ids, logger, metrics, onFatal };
  const messaging = new Messaging({ service: 'bench', build: 'bench', databaseUrl, ...parts });
  messaging.start([new PlainConsumer()]);
  await messaging.started();
  process.stdout.write(`${JSON.stringify({ baseUrl: 'none' })}\n`);
}

process.once('SIGTERM', () => process.exit(0));
void main();
