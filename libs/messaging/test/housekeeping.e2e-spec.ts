// SPDX-License-Identifier: Apache-2.0
import { SystemClock } from '#libs/clock';
import { Metrics, silentLogger } from '#libs/observability';
import { openPersistence, pgSessions } from '#libs/persistence';
import { createTestDatabase, dropTestDatabase, eventually, useTestDatabase } from '#libs/testing';
import { EventLogBroker, eventLogMigrations, type Broker } from '../src';
import { messagingMetrics } from '../src/messaging-metrics';
import { OutboxRelay } from '../src/outbox-relay';

jest.setTimeout(90_000);

const OLD = 20_000;
const timeoutMs = 60_000;

/** A minute of housekeeping passes in 60 ms. */
class HastyClock extends SystemClock {
  override monotonicMs(): number {
    return super.monotonicMs() * 1_000;
  }
}

/** The first round of the event log's housekeeping comes at once, the second in ten minutes. */
class OneRoundClock extends SystemClock {
  private rounds = 0;

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(ms >= 600_000 && (this.rounds += 1) === 1 ? 0 : ms, signal);
  }
}

describe('the housekeeping of the relay', () => {
  const database = useTestDatabase('messaging-housekeeping');
  const metrics = new Metrics('spec');
  const figures = messagingMetrics(metrics);
  let relay: OutboxRelay;
  afterAll(() => metrics.close());

  beforeEach(async () => {
    await database.db.query('truncate outbox, inbox, idempotency_keys');
    await insertOutbox(OLD, `now() - interval '8 days'`);
    await database.db.query(
      `insert into inbox (consumer, event_key, received_at) select 'c', n::text, now() - interval '46 days' from generate_series(1, $1) n`,
      [OLD],
    );
    await database.db.query(
      `insert into idempotency_keys (workspace, operation, request_id, request_hash, created_at)
       select 'w', 'o', n::text, '', now() - interval '25 hours' from generate_series(1, $1) n`,
      [OLD],
    );
  });
  afterEach(() => relay.stop());

  const insertOutbox = (count: number, publishedAt: string): Promise<unknown> =>
    database.db.query(
      `insert into outbox (workspace, id, topic, aggregatetype, aggregateid, type, payload, headers, published_at)
       select 'w', gen_random_uuid(), 't', 'a', 'k', 'y', '{}', '{}', ${publishedAt} from generate_series(1, $1)`,
      [count],
    );
  const old = async (): Promise<number[]> => {
    const [left] = await database.db.query<{ sent: number; handled: number; answers: number }>(
      `select (select count(*)::int from outbox where published_at < now() - interval '7 days') as sent,
              (select count(*)::int from inbox where received_at < now() - interval '45 days') as handled,
              (select count(*)::int from idempotency_keys where created_at < now() - interval '24 hours') as answers`,
    );
    return [left.sent, left.handled, left.answers];
  };
  const start = (publish: () => Promise<void>): void => {
    relay = new OutboxRelay({
      openSession: pgSessions(database.url),
      service: 'spec',
      broker: { publish } as unknown as Broker,
      clock: new HastyClock(),
      logger: silentLogger(),
      metrics: figures,
      pollMs: 20,
    });
    relay.start();
  };

  it('finds what is over its time without reading what is not', async () => {
    await insertOutbox(1, 'null');
    await database.db.query(`insert into inbox (consumer, event_key) select 'young', n::text from generate_series(1, 50000) n`);
    await database.db.query('delete from inbox where consumer = $1 and event_key::int > 100', ['c']);
    await database.db.query('analyze inbox');
    const plan = await database.db.query(
      `explain select ctid from inbox where received_at < now() - make_interval(days => 45) limit 5000`,
    );
    expect(JSON.stringify(plan)).toContain('inbox_received');
    start(async () => undefined);
    await eventually(async () => expect(await old()).toEqual([0, 0, 0]), { timeoutMs });
  });

  it('keeps up while events come without a pause, and holds them up for no more than a slice', async () => {
    const leftAtSends = new Set<number>();
    await insertOutbox(1, 'null');
    start(async () => {
      leftAtSends.add((await old())[0]);
      // No look finds the outbox empty.
      await insertOutbox(1, 'null');
    });
    await eventually(async () => expect(await old()).toEqual([0, 0, 0]), { timeoutMs });
    expect([...leftAtSends]).toEqual(expect.arrayContaining([15_000, 10_000, 5_000]));
  });

  it('removes everything that is old when there is nothing to send, and keeps what is not', async () => {
    await insertOutbox(2, `now() - interval '6 days'`);
    await database.db.query(`insert into inbox values ('c', 'young', now() - interval '44 days')`);
    start(async () => undefined);
    await eventually(async () => expect(await old()).toEqual([0, 0, 0]), { timeoutMs });
    const kept = await database.db.query(
      'select (select count(*)::int from outbox) as sent, (select count(*)::int from inbox) as handled',
    );
    expect(kept).toEqual([{ sent: 2, handled: 1 }]);
  });

  it('does not hold up events when it fails', async () => {
    await database.db.query(`create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`);
    await database.db.query('create trigger refuse before delete on outbox for each row execute function refuse()');
    await insertOutbox(1, 'null');
    let sent = 0;
    start(async () => {
      sent += 1;
      await insertOutbox(1, 'null');
    });
    try {
      const failed = async (): Promise<number> =>
        Number(/relay_failures_total\{code="[^"]+"\} (\d+)/.exec((await metrics.page()).body)?.[1] ?? 0);
      await eventually(async () => (await failed()) > 1, { timeoutMs });
      const before = sent;
      await eventually(() => sent > before, { timeoutMs });
      expect(relay.isLeader).toBe(true);
    } finally {
      await database.db.query('drop function refuse cascade');
    }
  });
});

describe('the housekeeping of the event log', () => {
  let databaseUrl: string;
  let admin: ReturnType<typeof openPersistence>;
  const brokers: EventLogBroker[] = [];

  beforeEach(async () => {
    databaseUrl = await createTestDatabase('events', eventLogMigrations);
    admin = openPersistence({ databaseUrl, applicationName: 'spec' });
    for (let i = 0; i < 2; i += 1)
      brokers.push(new EventLogBroker({ databaseUrl, service: 'spec', logger: silentLogger(), clock: new OneRoundClock() }));
    await brokers[0].ensureTopics([
      { name: 'short.v1', partitions: 1, retentionDays: 1 },
      { name: 'long.v1', partitions: 1, retentionDays: 30 },
    ]);
  });
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()));
    await admin.close();
    await dropTestDatabase(databaseUrl);
  });

  it('removes every message that is over its time in one round, also when several processes do it, and no other', async () => {
    await admin.database.query(
      `insert into messages (topic_id, partition, message_offset, headers, value, written_at)
       select t.id, 0, n, '{}', '', now() - case when n <= 45000 then interval '2 days' else interval '1 hour' end
       from topics t, generate_series(1, 45003) n where t.name = 'short.v1' or n % 10000 = 0`,
    );
    await Promise.all(brokers.map((broker) => broker.start()));
    const left = () =>
      admin.database.query(
        'select t.name, count(*)::int as count from messages m join topics t on t.id = m.topic_id group by 1 order by 1',
      );
    const kept = [
      { name: 'long.v1', count: 4 },
      { name: 'short.v1', count: 3 },
    ];
    await eventually(async () => expect(await left()).toEqual(kept), { timeoutMs });
  });

  it('does not read the log to find that nothing is old', async () => {
    await admin.database.query(
      `insert into messages (topic_id, partition, message_offset, headers, value)
       select t.id, 0, n, '{}', '' from topics t, generate_series(1, 50000) n`,
    );
    await admin.database.query('analyze messages');
    const reads = async () => {
      const [row] = await admin.database.query<{ whole: number; byAge: number }>(
        `select t.seq_scan::int as whole, i.idx_scan::int as "byAge" from pg_stat_user_tables t join pg_stat_user_indexes i using (relid)
         where i.indexrelname = 'messages_age'`,
      );
      return row;
    };
    const { whole } = await reads();
    await brokers[0].start();
    await eventually(async () => expect((await reads()).byAge).toBe(2), { timeoutMs });
    expect((await reads()).whole).toBe(whole);
  });
});
