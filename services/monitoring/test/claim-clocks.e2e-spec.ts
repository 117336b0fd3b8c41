// SPDX-License-Identifier: Apache-2.0
import { Clock, newId } from '#libs/clock';
import { Events, gateway } from '#libs/contracts';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { DueWorkRepository } from '../src/evaluation/due-work.repository';
import { EvaluateMonitors } from '../src/monitors/evaluate-monitors';
import { ReviewRaters } from '../src/raters/review-raters';
import { JudgeRollouts } from '../src/rollouts/judge-rollouts';
import { DeliverWebhooks } from '../src/webhooks/deliver-webhooks';
import { WebhookCalls } from '../src/webhooks/webhook-calls';
import { WebhooksRepository } from '../src/webhooks/webhooks.repository';
import { MonitoringHarness, rating, WebhookReceiver } from './monitoring-harness';

const HOUR_MS = 3_600_000;

// Replicas share rows: what one of them wrote by its own clock, another would read by a different one.
describe.each([
  ['ahead', HOUR_MS],
  ['behind', -HOUR_MS],
])('a process whose clock is an hour %s', (_way, skewMs) => {
  let harness: MonitoringHarness;
  let receiver: WebhookReceiver;
  let db: Database;

  beforeAll(async () => {
    // No timer looks for work meanwhile: the spec does.
    harness = await MonitoringHarness.start({ EVALUATION_INTERVAL_MS: '600000', VERDICT_INTERVAL_SECONDS: '600' });
    receiver = await WebhookReceiver.start();
    db = harness.service.get(Database);
    jest.spyOn(harness.service.get(Clock), 'now').mockImplementation(() => new Date(Date.now() + skewMs));
  }, 60_000);
  beforeEach(async () => {
    await db.query('delete from webhook_deliveries');
    receiver.bodies.length = 0;
    receiver.statusCode = 200;
  });
  afterAll(async () => {
    await receiver.close();
    await harness.close();
  });

  /** How many calls were made for what is due now. */
  const deliver = async (): Promise<number> => {
    const { started } = await harness.service.get(DeliverWebhooks).execute();
    await harness.service.get(WebhookCalls).ended();
    return started;
  };
  const dueTasks = (): Promise<Set<string>> => harness.service.get(DueWorkRepository).due(db);
  /** A delivery that is due in so many seconds. */
  async function insertDelivery(dueSeconds: number): Promise<string> {
    const id = newId();
    await db.query(
      `insert into webhook_deliveries (workspace, id, webhook_id, alert_id, url, body, state, attempt_time)
       values ('default', $1, 'w', 'a', $2, $3, 'pending', now() + make_interval(secs => $4))`,
      [id, receiver.url, JSON.stringify({ id }), dueSeconds],
    );
    return id;
  }
  const secondsUntilNextTry = async (): Promise<number> => {
    const [row] = await db.query<{ seconds: number }>(
      'select extract(epoch from attempt_time - now())::float8 as seconds from webhook_deliveries',
    );
    return row.seconds;
  };

  it('makes a delivery that is due, and none before its time', async () => {
    await insertDelivery(600);
    expect(await deliver()).toBe(0);
    const due = await insertDelivery(0);
    expect(await deliver()).toBe(1);
    expect(receiver.bodies).toEqual([{ id: due }]);
  });

  it('writes a new delivery so that it is due at once, for every process', async () => {
    const delivery = { workspace: 'default', id: newId(), webhookId: 'w', alertId: 'a', url: receiver.url, body: {} as never };
    await harness.service.get(UnitOfWork).run((tx) => harness.service.get(WebhooksRepository).insertDeliveries(tx, [delivery]));
    expect(Math.abs(await secondsUntilNextTry())).toBeLessThan(30);
  });

  it('leaves a delivery alone that another process has claimed, until that claim ends', async () => {
    await insertDelivery(0);
    const webhooks = harness.service.get(WebhooksRepository);
    const { dueTime } = await webhooks.due(db);
    const claimed = await webhooks.claim(db, { workspace: 'default', dueTime, leaseSeconds: 30 });
    expect(claimed).toMatchObject({ attempts: 1, fence: 1 });
    expect(await secondsUntilNextTry()).toBeGreaterThan(0);
    expect(await deliver()).toBe(0);
    await db.query('update webhook_deliveries set attempt_time = now()');
    expect(await deliver()).toBe(1);
  });

  it('tries again after the back-off, also as another process sees it', async () => {
    receiver.statusCode = 500;
    await insertDelivery(0);
    expect(await deliver()).toBe(1);
    expect(await secondsUntilNextTry()).toBeLessThanOrEqual(1);
    expect(await secondsUntilNextTry()).toBeGreaterThan(-30);
  });

  it('takes over the review of raters when the claim of another process has ended, not before', async () => {
    const claim = (seconds: number): Promise<unknown> =>
      db.query(`insert into rater_review_claims (workspace, lease_until) values ('default', now() + make_interval(secs => $1))`, [
        seconds,
      ]);
    await claim(60);
    expect(await dueTasks()).not.toContain('review-raters');
    expect(await harness.service.get(ReviewRaters).execute()).toBe(0);
    await db.query('delete from rater_review_claims');
    await claim(-1);
    expect(await dueTasks()).toContain('review-raters');
    expect(await harness.service.get(ReviewRaters).execute()).toBe(1);
  });

  it('evaluates monitors and judges rollouts when they are due, and writes when they are due again, by the time of all processes', async () => {
    const monitor = {
      name: 'clock',
      kind: 'no_data',
      endpoint: 'triage',
      modelName: 'glossary',
      config: { evaluateSeconds: 600 },
    };
    expect((await harness.call('POST', '/api/v1/monitors', monitor)).status).toBe(201);
    const rolloutId = newId();
    const data = gateway.RolloutStarted.fromJSON({ rolloutId, endpoint: 'triage', alias: 'champion', candidatePercent: 50 });
    await harness.publish(Events.RolloutStarted, [{ key: rolloutId, data }]);
    await eventually(async () => (await harness.call('GET', `/api/v1/rollouts/${rolloutId}`)).status === 200);
    const secondsUntil = async (table: string, column: string): Promise<number> =>
      (await db.query<{ seconds: number }>(`select extract(epoch from ${column} - now())::float8 as seconds from ${table}`))[0]
        .seconds;
    expect(Math.abs(await secondsUntil('monitors', 'observe_from'))).toBeLessThan(60);
    expect(await dueTasks()).toEqual(new Set(['evaluate-monitors', 'judge-rollouts']));
    expect(await harness.service.get(EvaluateMonitors).execute()).toBe(1);
    expect(await harness.service.get(JudgeRollouts).execute()).toBe(1);
    expect(await dueTasks()).toEqual(new Set());
    expect(await harness.service.get(EvaluateMonitors).execute()).toBe(0);
    for (const table of ['monitors', 'rollouts']) {
      expect(await secondsUntil(table, 'evaluate_time')).toBeGreaterThan(500);
      expect(await secondsUntil(table, 'evaluate_time')).toBeLessThanOrEqual(600);
    }
    expect(await harness.get('/api/v1/monitors/clock')).toMatchObject({ stateReason: 'no request yet' });
  });

  it('asks for a review as many seconds after feedback as is set', async () => {
    const [id] = await harness.infer([{ inputText: 'a small dog', outputText: 'animal' }]);
    await eventually(async () => (await harness.call('GET', `/api/v1/inferences/${id}`)).status === 200);
    await db.query('delete from rater_reviews');
    const body = { ...rating(id, { right: true, rater: 'u-1' }), id: newId() };
    expect((await harness.call('POST', '/api/v1/feedback', body)).status).toBeLessThan(300);
    const [{ seconds }] = await db.query<{ seconds: number }>(
      `select extract(epoch from due_time - now())::float8 as seconds from rater_reviews where workspace = 'default'`,
    );
    expect(seconds).toBeGreaterThan(-60);
    expect(seconds).toBeLessThanOrEqual(10);
  });
});
