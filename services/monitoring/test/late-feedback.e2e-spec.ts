// SPDX-License-Identifier: Apache-2.0
import { SystemClock } from '#libs/clock';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { AcceptFeedback } from '../src/feedback/accept-feedback';
import { FeedbackRepository } from '../src/feedback/feedback.repository';
import { JoinLateFeedback } from '../src/feedback/join-late-feedback';
import { MonitoringHarness } from './monitoring-harness';

jest.setTimeout(60_000);

class SettableClock extends SystemClock {
  aheadMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.aheadMs;
  }
}

// Two transactions open side by side: feedback does not see its inference, the inference does not see its feedback.
describe('feedback that missed its inference in a race', () => {
  let harness: MonitoringHarness;
  let db: Database;
  let inferenceId: string;
  let pieces = 0;

  beforeAll(async () => {
    // The service's own loop makes one pass at its start.
    harness = await MonitoringHarness.start({ EVALUATION_INTERVAL_MS: '600000' });
    db = harness.service.get(Database);
    [inferenceId] = await harness.infer([{}]);
    await eventually(async () => expect(await db.query('select 1 from inferences')).toHaveLength(1));
  });
  beforeEach(() => db.query('delete from feedback'));
  afterAll(() => harness.close());

  /** As in a process that has just begun. */
  const newProcess = (clock = new SettableClock()): JoinLateFeedback =>
    new JoinLateFeedback(
      harness.service.get(UnitOfWork),
      harness.service.get(FeedbackRepository),
      harness.service.get(AcceptFeedback),
      clock,
    );
  /** Pieces of this age, which nobody joined. */
  const left = async (ageSeconds: number, count = 1): Promise<void> => {
    await db.query(
      `insert into feedback (workspace, id, source, source_id, inference_id, state, metric, value, rater_hash, rater_kind, occurred_time, receive_time)
       select 'default', 'f' || n, 'spec', 'f' || n, $1, 'unmatched', 'correct', 'true', 'r', 'k', now(), now() - make_interval(secs => $2)
       from generate_series($3::int, $4::int) n`,
      [inferenceId, ageSeconds, pieces + 1, pieces + count],
    );
    pieces += count;
  };
  const unmatched = async (): Promise<number> => (await db.query(`select 1 from feedback where state = 'unmatched'`)).length;

  it('is joined by the next pass', async () => {
    const join = newProcess();
    await join.execute();
    await left(1);
    expect(await join.execute()).toBe(1);
    expect(await unmatched()).toBe(0);
  });

  it('is joined within a minute when its transaction was open for long', async () => {
    const clock = new SettableClock();
    const join = newProcess(clock);
    await join.execute();
    await left(300);
    expect(await join.execute()).toBe(0);
    clock.aheadMs = 60_000;
    expect(await join.execute()).toBe(1);
  });

  it('is joined at the start when all processes ended right after the race, all of it', async () => {
    await left(3600, 1200);
    const join = newProcess();
    expect([await join.execute(), await join.execute(), await join.execute()]).toEqual([500, 500, 200]);
    expect(await unmatched()).toBe(0);
    await left(3600);
    expect(await join.execute()).toBe(0);
  });
});
