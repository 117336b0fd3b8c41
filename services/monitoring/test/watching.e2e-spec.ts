// SPDX-License-Identifier: Apache-2.0
import { newId, seededRandom } from '#libs/clock';
import { Events, registry, Topics, training } from '#libs/contracts';
import { Database } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { MonitoringHarness, rating, WebhookReceiver, type InferenceShape, type Json } from './monitoring-harness';
import { ProposalsRepository } from '../src/proposals/proposals.repository';

const COMMON = 'a small animal with four legs kept as pet used for making food from the seeds of plants person who works'.split(
  ' ',
);
const RARE = 'genus perennial tropical american evergreen rhizome inflorescence alkaloid polymer compound herb shrub'.split(' ');

// Traffic of one period: everyday words and few plants, or technical words and many plants.
// Times only go forward, also where one batch is published before the last one's milliseconds have passed.
let clockMs = 0;
function traffic(count: number, random: () => number, rare: boolean): InferenceShape[] {
  const pick = (words: string[]): string => words[Math.floor(random() * words.length)] ?? '';
  return Array.from({ length: count }, () => ({
    inputText: Array.from({ length: 8 }, () => pick(random() < (rare ? 0.4 : 0.03) ? RARE : COMMON)).join(' '),
    outputText: ` ${random() < (rare ? 0.35 : 0.05) ? 'plant' : pick(['animal', 'food', 'person'])}`,
    requestTime: new Date((clockMs = Math.max(clockMs + 1, Date.now()))),
  }));
}

describe('watching an endpoint', () => {
  let harness: MonitoringHarness;
  let receiver: WebhookReceiver;
  const random = seededRandom(81);
  const timeoutMs = 20_000;

  beforeAll(async () => {
    receiver = await WebhookReceiver.start();
    harness = await MonitoringHarness.start({ PROPOSAL_CORRECTIONS_MIN: '50' });
  }, 60_000);
  afterAll(async () => {
    await harness.close();
    await receiver.close();
  }, 30_000);

  const monitor = (name: string) => harness.get(`/api/v1/monitors/${name}`);

  it('refuses a webhook into a private network, accepts the allowed one', async () => {
    const refused = await harness.call('POST', '/api/v1/webhooks', { name: 'bad', url: 'http://169.254.169.254/latest' });
    expect(refused).toMatchObject({ status: 400, body: { code: 'MONITORING.WEBHOOK_URL_REFUSED' } });
    expect((await harness.call('POST', '/api/v1/webhooks', { name: 'pager', url: receiver.url })).status).toBe(201);
    expect((await harness.call('POST', '/api/v1/webhooks', { name: 'pager', url: receiver.url })).status).toBe(409);
  });

  it('names what is wrong with a monitor', async () => {
    const create = (body: object) =>
      harness.call('POST', '/api/v1/monitors', { name: 'm', kind: 'drift', endpoint: 'e', modelName: 'g', ...body });
    expect((await create({ config: { windw: 3 } })).body.errors[0]).toEqual({ field: 'config.windw', message: 'unknown field' });
    expect((await create({ kind: 'vibes' })).body.errors[0].field).toBe('kind');
    expect((await create({ referenceRows: [{ input: 'a', answer: 'b' }] })).body.code).toBe('MONITORING.REFERENCE_TOO_SMALL');
    expect(
      (await create({ referenceRows: [{ input: 'a', anser: 'b' }] })).body.errors.map((error: Json) => error.field),
    ).toContain('referenceRows[0].anser');
  });

  it('has room for a hundred webhooks, each of which gets the alerts', async () => {
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, n) =>
        harness.call('POST', '/api/v1/webhooks', { name: `w${n}`, url: receiver.url }, 'crowded'),
      ),
    );
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ status, body }) => status === 412 && body.code === 'MONITORING.TOO_MANY_WEBHOOKS')).toBe(true);
    const last = await harness.call('POST', '/api/v1/webhooks', { name: 'one-more', url: receiver.url }, 'crowded');
    expect(last.body.code).toBe('MONITORING.TOO_MANY_WEBHOOKS');
  });

  it('collects a reference, stays quiet on the same traffic, fires on drift with direction, size and rows; the webhook gets it', async () => {
    const config = { evaluateSeconds: 1, referenceCount: 300, windowCount: 200, windowMin: 150, falseAlarmsPerWeek: 1 };
    const created = await harness.call('POST', '/api/v1/monitors', {
      name: 'drift',
      kind: 'drift',
      endpoint: 'triage',
      modelName: 'glossary',
      config,
    });
    expect(created).toMatchObject({ status: 201, body: { state: 'unknown' } });
    await harness.infer(traffic(300, random, false));
    await eventually(async () => expect((await monitor('drift')).stateReason).toMatch(/waiting for requests/), { timeoutMs });
    await harness.infer(traffic(200, random, false));
    await eventually(async () => expect(await monitor('drift')).toMatchObject({ state: 'ok' }), { timeoutMs });
    const [firstDrifted] = await harness.infer(traffic(250, random, true));
    await eventually(async () => expect(await monitor('drift')).toMatchObject({ state: 'alert' }), { timeoutMs });
    const { items } = await harness.get('/api/v1/alerts?state=firing');
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ kind: 'drift', endpoint: 'triage', modelName: 'glossary' });
    expect(items[0].direction).toMatch(/more plant \d/);
    expect(items[0].effect).toBeGreaterThan(0.1);
    expect(items[0].pValue).toBeLessThan(1e-4);
    expect(items[0].sampleInferenceIds.length).toBeGreaterThan(3);
    expect(items[0].sampleInferenceIds.every((id: string) => id >= (firstDrifted ?? '') || id.length === 36)).toBe(true);
    await eventually(() => expect(receiver.bodies).toHaveLength(1), { timeoutMs });
    expect(receiver.bodies[0]).toMatchObject({
      version: '4',
      status: 'firing',
      receiver: 'pager',
      alerts: [
        { labels: { alertname: 'MillraceDrift', model: 'glossary', workspace: 'default' }, endsAt: '0001-01-01T00:00:00Z' },
      ],
    });
    await eventually(
      async () => {
        const [delivery] = (await harness.get('/api/v1/webhook-deliveries')).items;
        expect(delivery).toMatchObject({ state: 'delivered', attempts: 1, statusCode: 200 });
      },
      { timeoutMs },
    );
    expect(await harness.published('millrace.monitoring.alert-fired.v1')).toHaveLength(1);
  }, 60_000);

  it('fires on quality by a CUSUM, then proposes retraining once, and a pipeline run resolves the proposal', async () => {
    const config = { evaluateSeconds: 3600, baseRate: 0.2, falseAlarmsPerWeek: 1, severity: 'critical' };
    await harness.call('POST', '/api/v1/monitors', {
      name: 'quality',
      kind: 'quality',
      endpoint: 'triage',
      modelName: 'glossary',
      config,
    });
    // Its first look is over before anything comes, its second is made when all has come: of the first ones alone any share may be bad.
    await eventually(async () => expect(await monitor('quality')).toMatchObject({ stateReason: 'no ratings yet' }), {
      timeoutMs,
    });
    const ids = await harness.infer(traffic(200, random, true));
    // Half of what goes into each partition, in turns: which partition is read first must not look like a change of quality.
    const isGood = (index: number): boolean => Math.floor(index / Topics.feedbackInput.partitions) % 2 === 0;
    await harness.produceFeedback(
      ids.map((id, index) => ({
        data: rating(
          id,
          isGood(index)
            ? { right: true, rater: `r${index % 40}` }
            : { right: false, rater: `r${index % 40}`, correction: 'plant' },
        ),
      })),
    );
    const db = harness.service.get(Database);
    await eventually(async () => expect(await db.query('select 1 from feedback')).toHaveLength(200), { timeoutMs });
    await db.query(`update monitors set evaluate_time = now() where name = 'quality'`);
    await eventually(async () => expect(await monitor('quality')).toMatchObject({ state: 'alert' }), { timeoutMs });
    const alerts = (await harness.get('/api/v1/alerts?state=firing')).items;
    const quality = alerts.find((alert: Json) => alert.kind === 'quality');
    expect(quality.direction).toMatch(/^bad answers rose from 20% to [3-6]\d%$/);
    expect(quality).toMatchObject({ severity: 'critical' });
    await eventually(async () => expect((await harness.get('/api/v1/proposals')).items).toHaveLength(1), { timeoutMs });
    const [proposal] = (await harness.get('/api/v1/proposals')).items;
    expect(proposal).toMatchObject({ state: 'open', modelName: 'glossary', endpoint: 'triage' });
    expect(proposal.corrections).toBeGreaterThanOrEqual(50);
    expect(proposal.reasons.join()).toMatch(/drift: .*quality|quality|drift/);
    await harness.publish(Events.PipelineRunStateChanged, [
      {
        key: 'run-1',
        data: {
          ...training.PipelineRunStateChanged.fromJSON({ pipelineRunId: 'run-1', pipelineName: 'loop', proposalId: proposal.id }),
        },
      },
    ]);
    await eventually(
      async () =>
        expect(await harness.get(`/api/v1/proposals/${proposal.id}`)).toMatchObject({
          state: 'accepted',
          pipelineRunId: 'run-1',
        }),
      { timeoutMs },
    );
    expect(await harness.published('millrace.monitoring.retraining-proposed.v1')).toHaveLength(1);
    expect(await harness.published('millrace.monitoring.proposal-resolved.v1')).toEqual([
      expect.objectContaining({ proposalId: proposal.id, resolution: 'accepted' }),
    ]);
    const again = await harness.call('POST', `/api/v1/proposals/${proposal.id}/resolve`, { resolution: 'refused' });
    expect(again).toMatchObject({ status: 412, body: { code: 'MONITORING.PROPOSAL_RESOLVED' } });
  }, 60_000);

  it('judges only ratings that its base rate was not learned from, also when they came in one millisecond', async () => {
    const config = { evaluateSeconds: 1, baselineCount: 100, falseAlarmsPerWeek: 1 };
    await harness.call('POST', '/api/v1/monitors', {
      name: 'even',
      kind: 'quality',
      endpoint: 'even',
      modelName: 'glossary',
      config,
    });
    const ids = await harness.infer(traffic(150, random, false).map((shape) => ({ ...shape, endpoint: 'even' })));
    await harness.produceFeedback(
      ids.map((id, index) => ({ data: rating(id, { right: index % 5 > 0, rater: `even-${index % 40}` }) })),
    );
    await eventually(async () => expect((await monitor('even')).lastEvaluation).toMatchObject({ events: 50 }), { timeoutMs });
    const [cut] = await harness.service.get(Database).query<{ together: number }>(
      `select count(*)::int as together from feedback f, monitors m where m.name = 'even' and f.endpoint = 'even'
         and date_trunc('milliseconds', f.match_time) = date_trunc('milliseconds', (m.baseline ->> 'until')::timestamptz)`,
    );
    expect(cut?.together).toBeGreaterThan(1);
  }, 60_000);

  it('takes the last move of an alias for the served version, also when the clock of the registry went back', async () => {
    const moved = (version: number, toVersion: number, { alias = 'champion', moveTime = new Date() } = {}) => ({
      key: 'turned',
      version,
      data: registry.AliasMoved.fromJSON({ modelName: 'turned', alias, toVersion, moveTime: moveTime.toISOString() }),
    });
    const served = (alias = 'champion') =>
      harness.service.get(ProposalsRepository).servedVersion(harness.service.get(Database), 'default', 'turned', alias);
    const hourAgo = new Date(Date.now() - 3_600_000);
    await harness.publish(Events.AliasMoved, [moved(1, 1), moved(2, 2, { moveTime: hourAgo })]);
    await eventually(async () => expect(await served()).toBe(2), { timeoutMs });
    // One that comes late, such as a dead letter that is handled again, changes nothing.
    await harness.publish(Events.AliasMoved, [moved(1, 1), moved(3, 7, { alias: 'behind' })]);
    await eventually(async () => expect(await served('behind')).toBe(7), { timeoutMs });
    expect(await served()).toBe(2);
  });

  it('says no data, which is not healthy, and a no_data monitor fires', async () => {
    const config = { evaluateSeconds: 1, noDataSeconds: 1 };
    const body = { kind: 'no_data', endpoint: 'silent', modelName: 'glossary', config };
    await harness.call('POST', '/api/v1/monitors', { name: 'silence', ...body });
    await harness.call('POST', '/api/v1/monitors', { name: 'quiet-drift', ...body, kind: 'drift' });
    await eventually(async () => expect(await monitor('silence')).toMatchObject({ state: 'no_data' }), { timeoutMs });
    await eventually(async () => expect(await monitor('quiet-drift')).toMatchObject({ state: 'no_data' }), { timeoutMs });
    const kinds = (await harness.get('/api/v1/alerts?state=firing')).items.map((alert: Json) => [alert.kind, alert.endpoint]);
    expect(kinds).toContainEqual(['no_data', 'silent']);
    expect(kinds).not.toContainEqual(['drift', 'silent']);
  }, 60_000);

  it('tries a webhook again after a failure, and resolves an alert at a reset', async () => {
    receiver.statusCode = 500;
    const isResolved = (body: Json): boolean => body.status === 'resolved' && body.alerts[0].labels.monitor === 'drift';
    expect((await harness.call('POST', '/api/v1/monitors/drift/reset', { reason: 'the season changed' })).status).toBe(200);
    await eventually(() => receiver.bodies.some(isResolved), { timeoutMs });
    receiver.statusCode = 200;
    await eventually(
      async () => {
        const { items } = await harness.get('/api/v1/webhook-deliveries');
        const resolved = items.find((item: Json) => isResolved(item.body));
        expect(resolved).toMatchObject({ state: 'delivered' });
        expect(resolved.attempts).toBeGreaterThan(1);
        expect(resolved.body.alerts[0].annotations.resolve_reason).toBe('the season changed');
      },
      { timeoutMs },
    );
    const { items } = await harness.get('/api/v1/alerts?state=resolved');
    expect(items[0]).toMatchObject({ kind: 'drift', resolveReason: 'the season changed' });
  }, 60_000);

  it('rolls requests up per minute with mergeable histograms', async () => {
    const id = newId();
    await harness.infer([
      { id, endpoint: 'rolled' },
      { endpoint: 'rolled', statusCode: 503 },
    ]);
    await harness.infer([{ id, endpoint: 'rolled' }]);
    await harness.infer([{ endpoint: 'rolled' }]);
    await eventually(
      async () => {
        const { items } = await harness.get('/api/v1/rollups?endpoint=rolled');
        const total = (field: string): number => items.reduce((sum: number, item: Json) => sum + item[field], 0);
        expect([total('requests'), total('failures'), total('promptTokens')]).toEqual([3, 1, 60]);
        expect(items[0].latencyMsP50).toBeCloseTo(8, 0);
        expect(
          items.flatMap((item: Json) => item.latencyMsHistogram).reduce((sum: number, count: number) => sum + count, 0),
        ).toBe(3);
      },
      { timeoutMs },
    );
  });
});
