// SPDX-License-Identifier: Apache-2.0
import { Clock } from '#libs/clock';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { MonitoringSettings } from '../src/config';
import { HistoryRepository } from '../src/retention/history.repository';
import { PruneHistory } from '../src/retention/prune-history';
import { MonitoringHarness } from './monitoring-harness';

jest.setTimeout(60_000);

describe('what is past its time', () => {
  let harness: MonitoringHarness;
  let db: Database;

  beforeAll(async () => {
    harness = await MonitoringHarness.start({ RETENTION_DAYS: '30' });
    db = harness.service.get(Database);
  });
  afterAll(() => harness.close());

  // As in a process of its own: the pass of the service itself came at its start and comes again in ten minutes.
  const freshReplica = (): PruneHistory =>
    new PruneHistory(
      harness.service.get(UnitOfWork),
      harness.service.get(HistoryRepository),
      harness.service.get(MonitoringSettings),
      harness.service.get(Clock),
    );
  const ids = async (table: string): Promise<string[]> =>
    (await db.query<{ id: string }>(`select id from ${table} where workspace = 'old' order by id`)).map((row) => row.id);

  it('goes: inferences, deliveries that are over, days of raters; nothing that is younger or still to be delivered', async () => {
    await harness.infer([{ id: 'old' }, { id: 'young' }], 'old');
    await eventually(async () => expect(await ids('inferences')).toHaveLength(2));
    for (const [name, days] of [
      ['old', 31],
      ['young', 29],
    ] as const) {
      await db.query('update inferences set receive_time = now() - make_interval(days => $2) where id = $1', [name, days]);
      for (const state of ['pending', 'delivered', 'failed'])
        await db.query(
          `insert into webhook_deliveries (workspace, id, webhook_id, alert_id, url, body, state, attempt_time, update_time)
           values ('old', $1, 'w', 'a', 'http://127.0.0.1:9/', '{}', $2, now() + interval '1 day', now() - make_interval(days => $3))`,
          [`${name}-${state}`, state, days],
        );
      await db.query(
        `insert into rater_days (workspace, rater_hash, day, feedback_count) values ('old', $1, current_date - $2::int, 1)`,
        [name, days],
      );
    }
    await freshReplica().execute();
    expect(await ids('inferences')).toEqual(['young']);
    expect(await ids('webhook_deliveries')).toEqual(['old-pending', 'young-delivered', 'young-failed', 'young-pending']);
    expect(await db.query(`select rater_hash from rater_days where workspace = 'old'`)).toEqual([{ rater_hash: 'young' }]);
  });

  it('goes in batches, and replicas share them', async () => {
    await db.query(
      `insert into rater_days (workspace, rater_hash, day, feedback_count)
       select 'many', i::text, current_date - 31, 1 from generate_series(1, 5000) i`,
    );
    const left = async (): Promise<number> =>
      (await db.query<{ count: number }>(`select count(*)::int from rater_days where workspace = 'many'`))[0].count;
    const [one, other] = [freshReplica(), freshReplica()];
    await Promise.all([one.execute(), other.execute()]);
    expect(await left()).toBe(1000);
    await one.execute();
    expect(await left()).toBe(0);
  });
});
