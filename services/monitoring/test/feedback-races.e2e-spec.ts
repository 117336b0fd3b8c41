// SPDX-License-Identifier: Apache-2.0
import { newId } from '#libs/clock';
import { DeadLetters } from '#libs/messaging';
import { Database, UnitOfWork, type Transaction } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { RatersRepository } from '../src/raters/raters.repository';
import { MonitoringHarness, rating, type Json } from './monitoring-harness';

const timeoutMs = 20_000;

/** What one batch of feedback may meet in another transaction. */
describe('feedback beside other transactions', () => {
  let harness: MonitoringHarness;
  let db: Database;

  beforeAll(async () => {
    harness = await MonitoringHarness.start({ FEEDBACK_PER_RATER_DAY_MAX: '30', RATER_REVIEW_SECONDS: '3600' });
    db = harness.service.get(Database);
  }, 60_000);
  afterAll(() => harness.close(), 30_000);

  /** Inferences that are known; returns their ids. */
  const known = async (count: number): Promise<string[]> => {
    const ids = await harness.infer(Array.from({ length: count }, () => ({})));
    await eventually(
      async () => expect(await db.query('select 1 from inferences where id = any($1)', [ids])).toHaveLength(count),
      { timeoutMs },
    );
    return ids;
  };
  const stored = (ids: readonly string[]) =>
    db.query<{ state: string; count: number }>(
      'select state, count(*)::int as count from feedback where inference_id = any($1) group by 1 order by 1',
      [ids],
    );
  const announced = async (ids: readonly string[]): Promise<Json[]> =>
    (await harness.published('millrace.monitoring.feedback-accepted.v1')).filter((each) => ids.includes(each.inferenceId));
  /** Holds a transaction open until `end` is called. */
  const hold = async (work: (tx: Transaction) => Promise<unknown>): Promise<() => Promise<void>> => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let begun = false;
    const running = harness.service.get(UnitOfWork).run(async (tx) => {
      await work(tx);
      begun = true;
      await held;
    });
    await eventually(() => begun, { timeoutMs });
    return async () => {
      release();
      await running;
    };
  };
  const waitsForLock = (statement: string) =>
    eventually(
      async () =>
        expect(
          await db.query(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like $1 and datname = current_database()",
            [`${statement}%`],
          ),
        ).toHaveLength(1),
      { timeoutMs },
    );

  it('counts a batch once, whatever of it is bad, doubled, too early or comes again', async () => {
    const ids = await known(20);
    const early = newId();
    const events = ids.map((id, n) => ({ id: `mix-${n}`, data: rating(id, { right: true, rater: `mix-${n % 4}` }) }));
    const bad = { id: 'mix-bad', data: { nothing: true } };
    const all = [
      ...events,
      ...events.slice(0, 5),
      bad,
      { id: 'mix-early', data: rating(early, { right: true, rater: 'mix-0' }) },
      bad,
    ];
    await harness.produceFeedback(all);
    await eventually(
      async () =>
        expect(await stored([...ids, early])).toEqual([
          { state: 'accepted', count: 20 },
          { state: 'unmatched', count: 1 },
        ]),
      { timeoutMs },
    );
    const raters = (): Promise<unknown> =>
      db.query(
        `select r.rater_hash, r.feedback_count, r.version, d.feedback_count as day from raters r join rater_days d using (workspace, rater_hash)
         where r.rater_hash in (select rater_hash from feedback where source_id like 'mix-%') order by 1`,
      );
    const before = await raters();
    expect(before).toEqual(
      Array.from({ length: 4 }, () => expect.objectContaining({ feedback_count: '5', version: '5', day: 5 })),
    );
    await harness.produceFeedback(all);
    const [last] = await known(1);
    await harness.produceFeedback(Array.from({ length: 12 }, () => ({ data: rating(last, { right: true, rater: 'mix-last' }) })));
    await eventually(async () => expect(await stored([last])).toEqual([{ state: 'accepted', count: 12 }]), { timeoutMs });
    expect(await raters()).toEqual(before);
    expect(await announced(ids)).toHaveLength(20);
    expect(new Set((await announced(ids)).map((each) => each.feedbackId)).size).toBe(20);
    const { items } = await harness.service.get(DeadLetters).list({});
    expect(items.filter((letter) => letter.eventId === 'mix-bad')).toHaveLength(1);
    await harness.infer([{ id: early }]);
    await eventually(async () => expect(await stored([early])).toEqual([{ state: 'accepted', count: 1 }]), { timeoutMs });
    expect(await announced([early])).toHaveLength(1);
  });

  it('numbers the events of a rater without gaps when batches race', async () => {
    const ids = await known(24);
    const piece = (id: string) => ({ ...rating(id, { right: true, rater: 'racer' }), id: `race-${id}` });
    const batches = Array.from({ length: 6 }, (_, n) => ids.slice(n * 4, n * 4 + 4).map(piece));
    const answers = await Promise.all(
      [...batches, ...batches].map((items) => harness.call('POST', '/api/v1/feedback/batch', { items })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(await stored(ids)).toEqual([{ state: 'accepted', count: 24 }]);
    const versions = await db.query<{ version: string }>(
      `select headers->>'ce_aggregateversion' as version from outbox where aggregateid =
         (select rater_hash from feedback where inference_id = $1) order by position`,
      [ids[0]],
    );
    expect(versions.map((row) => Number(row.version))).toEqual(Array.from({ length: 24 }, (_, n) => n + 1));
  });

  it('caps a rater exactly, in batches side by side', async () => {
    const ids = await known(48);
    const items = ids.map((id) => ({ ...rating(id, { right: true, rater: 'eager' }), id: `cap-${id}` }));
    await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        harness.call('POST', '/api/v1/feedback/batch', { items: items.slice(n * 6, n * 6 + 6) }),
      ),
    );
    expect(await stored(ids)).toEqual([
      { state: 'accepted', count: 30 },
      { state: 'capped', count: 18 },
    ]);
    expect(await announced(ids)).toHaveLength(30);
  });

  it('retracts what comes in while its rater is being quarantined', async () => {
    const [first, second] = await known(2);
    await harness.call('POST', '/api/v1/feedback', { ...rating(first, { right: true, rater: 'liar' }), id: newId() });
    const end = await hold((tx) =>
      tx.query(
        "update raters set state = 'quarantined' where rater_hash = (select rater_hash from feedback where inference_id = $1)",
        [first],
      ),
    );
    await db.query('delete from rater_reviews');
    const sent = harness.call('POST', '/api/v1/feedback', { ...rating(second, { right: true, rater: 'liar' }), id: newId() });
    await waitsForLock('with t as (select * from unnest');
    await end();
    expect((await sent).body).toMatchObject({ state: 'retracted', stateReason: 'the rater is quarantined' });
    expect(await announced([second])).toEqual([]);
    // Nobody is left to judge: a rater in quarantine must not keep reviews going.
    expect(await db.query('select 1 from rater_reviews')).toEqual([]);
  });

  it('waits for the same piece in another transaction, and takes it when that one is rolled back', async () => {
    const [id] = await known(1);
    const events = [{ id: 'held', data: rating(id, { right: true, rater: 'held' }) }];
    const end = await hold(async (tx) => {
      await tx.query(
        `insert into feedback (workspace, id, source, source_id, inference_id, state, metric, value, rater_hash, rater_kind, occurred_time)
         values ('default', 'other', 'product/spec', 'held', $1, 'unmatched', 'correct', 'true', 'r', 'k', now())`,
        [id],
      );
    });
    await harness.produceFeedback(events);
    await waitsForLock('insert into feedback');
    await db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction' and query like 'insert into feedback%' and datname = current_database()",
    );
    await expect(end()).rejects.toThrow();
    await eventually(async () => expect(await stored([id])).toEqual([{ state: 'accepted', count: 1 }]), { timeoutMs });
    expect(await announced([id])).toHaveLength(1);
  });

  it('takes feedback while its workspace is being reviewed, and asks for the next review', async () => {
    const raters = harness.service.get(RatersRepository);
    const [first, second] = await known(2);
    await harness.call('POST', '/api/v1/feedback', { ...rating(first, { right: true, rater: 'seen' }), id: newId() });
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    let reading = false;
    const { opinions } = raters;
    const spy = jest.spyOn(raters, 'opinions').mockImplementation(async (...args) => {
      reading = true;
      await gate;
      return opinions.apply(raters, args);
    });
    const tables = async (): Promise<unknown> =>
      (
        await db.query(
          `select (select count(*)::int from rater_reviews where workspace = 'default') as asked,
             (select count(*)::int from rater_review_claims) as claimed`,
        )
      )[0];
    try {
      await db.query("update rater_reviews set due_time = now() - interval '1 second'");
      await eventually(() => reading, { timeoutMs });
      expect(await tables()).toEqual({ asked: 0, claimed: 1 });
      const sent = await harness.call('POST', '/api/v1/feedback', {
        ...rating(second, { right: true, rater: 'seen' }),
        id: newId(),
      });
      expect(sent.body).toMatchObject({ state: 'accepted' });
      expect(await tables()).toEqual({ asked: 1, claimed: 1 });
    } finally {
      go();
      spy.mockRestore();
    }
    await eventually(async () => expect(await tables()).toEqual({ asked: 1, claimed: 0 }), { timeoutMs });
  });

  it('takes up a review that a process left unfinished', async () => {
    await db.query(
      `insert into rater_review_claims values ('default', now() - interval '1 second')
       on conflict (workspace) do update set lease_until = excluded.lease_until`,
    );
    await eventually(async () => expect(await db.query('select 1 from rater_review_claims')).toEqual([]), { timeoutMs });
    expect(
      await db.query(
        "select 1 from rater_review_times where workspace = 'default' and review_time > now() - interval '1 minute'",
      ),
    ).toHaveLength(1);
  });
});
