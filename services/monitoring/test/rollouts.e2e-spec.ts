// SPDX-License-Identifier: Apache-2.0
import { newId, seededRandom } from '#libs/clock';
import { Events, gateway, monitoring } from '#libs/contracts';
import { createRpcClient } from '#libs/rpc';
import { eventually } from '#libs/testing';
import { MonitoringHarness, rating, type InferenceShape, type Json } from './monitoring-harness';

describe('rollouts, raters and isolation', () => {
  let harness: MonitoringHarness;
  const random = seededRandom(91);
  const timeoutMs = 20_000;

  beforeAll(async () => {
    harness = await MonitoringHarness.start();
  }, 60_000);
  afterAll(() => harness.close(), 30_000);

  async function start(percent = 50): Promise<string> {
    const rolloutId = newId();
    const served = (version: number) => ({ modelName: 'glossary', version, modelManifestDigest: 'd' });
    const data: gateway.RolloutStarted = {
      rolloutId,
      endpoint: 'triage',
      alias: 'champion',
      control: served(1),
      candidate: served(2),
      candidatePercent: percent,
      policy: { metric: 'correct', margin: 0.05, alpha: 0.05, looks: 5, requestsPerArmMax: 400, harmAlpha: 0.05 },
      startTime: new Date(),
    };
    await harness.publish(Events.RolloutStarted, [{ key: rolloutId, data }]);
    await eventually(async () => (await harness.call('GET', `/api/v1/rollouts/${rolloutId}`)).status === 200, { timeoutMs });
    return rolloutId;
  }

  // Rated requests on both arms; `rates` are the shares of good answers.
  async function serve(rolloutId: string, count: number, rates: { control: number; candidate: number }): Promise<void> {
    const arms = Array.from({ length: count }, (_, index) => index % 2 === 1);
    const shapes = arms.map((candidate, index): InferenceShape => ({
      rolloutId,
      arm: candidate ? gateway.Arm.ARM_CANDIDATE : gateway.Arm.ARM_CONTROL,
      modelVersion: candidate ? 2 : 1,
      userHash: `user-${index % 80}`,
    }));
    const ids = await harness.infer(shapes);
    await harness.produceFeedback(
      ids.map((id, index) => {
        const right = random() < (arms[index] ? rates.candidate : rates.control);
        return { data: rating(id, { right, rater: `rater-${newId()}` }) };
      }),
    );
  }

  const verdicts = async (rolloutId: string): Promise<Json[]> =>
    (await harness.get(`/api/v1/verdicts?rolloutId=${rolloutId}`)).items;

  it('holds without data, promotes a better candidate at a planned look, once, with evidence that recomputes', async () => {
    const rolloutId = await start();
    await eventually(
      async () =>
        expect((await harness.get(`/api/v1/rollouts/${rolloutId}`)).lastResult).toMatchObject({
          outcome: 'hold',
          reasons: ['no_data'],
        }),
      {
        timeoutMs,
      },
    );
    await serve(rolloutId, 600, { control: 0.55, candidate: 0.8 });
    await eventually(async () => expect((await verdicts(rolloutId)).some((each) => each.outcome === 'promote')).toBe(true), {
      timeoutMs,
    });
    const all = await verdicts(rolloutId);
    const promoted = all.filter((each) => each.outcome === 'promote');
    expect(promoted).toHaveLength(1);
    expect(promoted[0].reason).toMatch(/^promote: the candidate is (better|not worse by 5\.0%); look \d of 5/);
    expect(promoted[0].evidence).toMatchObject({ schema: 'millrace.verdict/v1', input: { policy: { margin: 0.05, looks: 5 } } });
    const recomputed = await harness.call('POST', `/api/v1/verdicts/${promoted[0].id}/recompute`);
    expect(recomputed.body.same).toBe(true);
    const events = (await harness.published('millrace.monitoring.verdict-reached.v1')).filter(
      (each) => each.rolloutId === rolloutId,
    );
    expect(events).toHaveLength(all.length);
    expect(events[events.length - 1]).toMatchObject({ decision: 'DECISION_PROMOTE', step: 1, verdictId: promoted[0].id });
    expect(JSON.parse(events[events.length - 1].evidenceJson).inputDigest).toBe(promoted[0].evidence.inputDigest);
  }, 60_000);

  it("starts the monitors of an endpoint afresh when a candidate took over: the old reference was the old version's", async () => {
    const referenceRows = Array.from({ length: 60 }, (_, index) => ({ input: `definition ${index}`, answer: 'plant' }));
    const body = { name: 'taken-over', kind: 'drift', endpoint: 'triage', modelName: 'glossary', referenceRows };
    const created = await harness.call('POST', '/api/v1/monitors', body);
    expect(created.body.baseline).toEqual({ referenceCount: 60, referenceSource: 'given' });
    const kept = await harness.call('POST', '/api/v1/monitors/taken-over/reset', { reason: 'by hand' });
    expect(kept.body.baseline).toEqual({ referenceCount: 60, referenceSource: 'given' });
    const rolloutId = await start();
    const finished = gateway.RolloutFinished.fromJSON({ rolloutId, endpoint: 'triage', outcome: 'ROLLOUT_OUTCOME_PROMOTED' });
    await harness.publish(Events.RolloutFinished, [{ key: rolloutId, data: finished, version: 2 }]);
    await eventually(
      async () => {
        const monitor = await harness.get('/api/v1/monitors/taken-over');
        expect(monitor.baseline).toEqual({});
        expect(monitor.stateReason).toMatch(/version 2 took over triage|collecting the reference/);
      },
      { timeoutMs },
    );
  }, 60_000);

  it('rolls back a harmful candidate once, and a new step after a promotion starts a new test', async () => {
    const rolloutId = await start();
    await serve(rolloutId, 300, { control: 0.75, candidate: 0.3 });
    await eventually(async () => expect((await verdicts(rolloutId))[0]?.outcome).toBe('rollback'), { timeoutMs });
    expect((await verdicts(rolloutId))[0].reason).toMatch(/^rollback: quality is worse by \d+\.\d% \(at least/);
    const finished = gateway.RolloutFinished.fromJSON({ rolloutId, endpoint: 'triage', outcome: 'ROLLOUT_OUTCOME_ROLLED_BACK' });
    await harness.publish(Events.RolloutFinished, [{ key: rolloutId, data: finished, version: 2 }]);
    await eventually(
      async () =>
        expect(await harness.get(`/api/v1/rollouts/${rolloutId}`)).toMatchObject({ state: 'finished', outcome: 'rolled_back' }),
      { timeoutMs },
    );
    expect((await verdicts(rolloutId)).filter((each) => each.outcome === 'rollback')).toHaveLength(1);

    const stepped = await start();
    const step = { rolloutId: stepped, endpoint: 'triage', candidatePercent: 50, step: 2, verdictId: '' };
    await harness.publish(Events.RolloutStepped, [{ key: stepped, data: step, version: 2 }]);
    await eventually(
      async () =>
        expect(await harness.get(`/api/v1/rollouts/${stepped}`)).toMatchObject({ step: 2, looksTaken: 0, decided: false }),
      {
        timeoutMs,
      },
    );
  }, 60_000);

  it('quarantines raters who lie in bulk, with the reason, and retracts all of their feedback and no other', async () => {
    const labels = ['animal', 'plant', 'food'];
    const inputs = Array.from({ length: 150 }, (_, index) => ({
      truth: labels[index % 3] ?? '',
      served: labels[(index + (random() < 0.6 ? 0 : 1)) % 3] ?? '',
      text: `definition number ${index}`,
    }));
    const ids = await harness.infer(
      inputs.map(({ text, served }) => ({ endpoint: 'liars', inputText: text, outputText: ` ${served}` })),
      'liars',
    );
    const say = (at: number, rater: string, label: string) => ({
      workspace: 'liars',
      data: rating(ids[at] ?? '', {
        right: label === inputs[at]?.served,
        rater,
        ...(label === inputs[at]?.served ? {} : { correction: label }),
      }),
    });
    const honest = Array.from({ length: 20 }, (_, rater) =>
      Array.from({ length: 15 }, (_, vote) => {
        const at = (rater * 7 + vote * 11) % 150;
        return say(at, `honest-${rater}`, inputs[at]?.truth ?? '');
      }),
    ).flat();
    const lies = Array.from({ length: 2 }, (_, rater) =>
      inputs.map((input, at) => {
        const lie = input.served === input.truth ? labels[(labels.indexOf(input.truth) + 1) % 3] : input.served;
        return say(at, `liar-${rater}`, lie ?? '');
      }),
    ).flat();
    await harness.produceFeedback([...honest, ...lies]);
    await eventually(async () => expect((await harness.get('/api/v1/raters?state=quarantined', 'liars')).items).toHaveLength(2), {
      timeoutMs,
    });
    const { items } = await harness.get('/api/v1/raters?state=quarantined', 'liars');
    expect(items[0].reason).toMatch(
      /ratings where the median rater gave \d+; disagrees with other raters on \d+ of \d+ shared inputs/,
    );
    await eventually(
      async () => {
        const summary = (await harness.get('/api/v1/feedback-summary', 'liars')).items;
        const count = (state: string): number =>
          summary.filter((row: Json) => row.state === state).reduce((sum: number, row: Json) => sum + row.count, 0);
        expect([count('retracted'), count('accepted')]).toEqual([300, 300]);
      },
      { timeoutMs },
    );
    const retracted = (await harness.published('millrace.monitoring.feedback-retracted.v1')).flatMap((each) => each.feedbackIds);
    expect(new Set(retracted).size).toBe(retracted.length);
    const released = await harness.call('POST', `/api/v1/raters/${items[0].raterHash}/release`, { reason: 'a mistake' }, 'liars');
    expect(released.body).toMatchObject({ state: 'trusted', reason: 'released by local-admin: a mistake' });
    expect((await harness.call('POST', `/api/v1/raters/${items[0].raterHash}/release`, { reason: 'x' }, 'liars')).status).toBe(
      412,
    );
  }, 60_000);

  it('shows nothing of one workspace in another: every list and every get', async () => {
    const raters = (await harness.get('/api/v1/raters', 'liars')).items;
    const rollouts = (await harness.get('/api/v1/rollouts')).items;
    const monitor = await harness.call('POST', '/api/v1/monitors', {
      name: 'own',
      kind: 'no_data',
      endpoint: 'never',
      modelName: 'g',
      config: { noDataSeconds: 1, evaluateSeconds: 1 },
    });
    const alert = await eventually(async () => (await harness.get('/api/v1/alerts')).items[0] ?? false, { timeoutMs });
    await harness.call('POST', '/api/v1/webhooks', { name: 'w', url: 'http://127.0.0.1:9/hook' });
    await harness.call('PUT', '/api/v1/metrics/m', { labels: ['a'] });
    const rolloutFeedback = (await harness.get('/api/v1/feedback?pageSize=1')).items[0];
    const gets = [
      `/api/v1/feedback/${rolloutFeedback.id}`,
      `/api/v1/inferences/${rolloutFeedback.inferenceId}`,
      `/api/v1/rollouts/${rollouts[0].id}`,
      `/api/v1/verdicts/${(await harness.get('/api/v1/verdicts')).items[0].id}`,
      `/api/v1/monitors/${monitor.body.id}`,
      `/api/v1/monitors/own`,
      `/api/v1/alerts/${alert.id}`,
      `/api/v1/raters/${raters[0].raterHash}`,
    ];
    for (const path of gets) {
      const own = await harness.call('GET', path, undefined, path.includes('raters') ? 'liars' : 'default');
      expect([path, own.status]).toEqual([path, 200]);
      const foreign = await harness.call('GET', path, undefined, 'elsewhere');
      expect([path, foreign.status, foreign.body.code]).toEqual([path, 404, 'COMMON.NOT_FOUND']);
    }
    const lists = [
      'feedback',
      'feedback-summary',
      'inferences',
      'rollouts',
      'verdicts',
      'monitors',
      'alerts',
      'raters',
      'rollups',
      'metrics',
    ];
    for (const path of [...lists, 'webhooks', 'webhook-deliveries', 'proposals']) {
      expect([path, (await harness.get(`/api/v1/${path}`, 'elsewhere')).items]).toEqual([path, []]);
    }
    const foreignActions: [string, string, object?][] = [
      ['POST', `/api/v1/monitors/${monitor.body.id}/reset`, { reason: 'x' }],
      ['DELETE', `/api/v1/monitors/${monitor.body.id}`],
      ['DELETE', `/api/v1/webhooks/${(await harness.get('/api/v1/webhooks')).items[0].id}`],
      ['POST', `/api/v1/raters/${raters[0].raterHash}/release`, { reason: 'x' }],
      ['POST', `/api/v1/verdicts/${(await harness.get('/api/v1/verdicts')).items[0].id}/recompute`],
      ['POST', `/api/v1/proposals/${newId()}/resolve`, { resolution: 'refused' }],
    ];
    for (const [method, path, body] of foreignActions) {
      expect([path, (await harness.call(method, path, body, 'elsewhere')).status]).toEqual([path, 404]);
    }
  }, 60_000);

  it('answers gRPC for monitors, verdicts and proposals, and keeps workspaces apart there too', async () => {
    const address = harness.service.grpcAddress;
    const monitors = createRpcClient(monitoring.MonitorServiceService, { address, service: 'spec' });
    const verdictClient = createRpcClient(monitoring.VerdictServiceService, { address, service: 'spec' });
    const proposals = createRpcClient(monitoring.ProposalServiceService, { address, service: 'spec' });
    const here = { deadlineMs: 5000, workspace: 'default' };
    const there = { deadlineMs: 5000, workspace: 'elsewhere' };
    const notFound = { code: 'COMMON.NOT_FOUND' };
    try {
      const request = {
        name: 'by-rpc',
        kind: monitoring.MonitorKind.MONITOR_KIND_QUALITY,
        endpoint: 'triage',
        modelName: 'glossary',
        metric: '',
        configJson: '{"rise":0.2}',
        referenceRows: [],
        requestId: 'q1',
      };
      const { monitor } = await monitors.createMonitor(request, here);
      expect((await monitors.createMonitor(request, here)).monitor?.id).toBe(monitor?.id);
      expect(monitor).toMatchObject({ metric: 'correct', kind: monitoring.MonitorKind.MONITOR_KIND_QUALITY });
      await expect(monitors.createMonitor({ ...request, requestId: '', configJson: '[]' }, here)).rejects.toMatchObject({
        code: 'COMMON.INVALID_ARGUMENT',
      });
      await expect(monitors.getMonitor({ monitor: 'by-rpc' }, there)).rejects.toMatchObject(notFound);
      expect((await monitors.listMonitors({ pageSize: 0, pageToken: '' }, here)).monitors.length).toBeGreaterThan(0);
      expect((await monitors.listMonitors({ pageSize: 0, pageToken: '' }, there)).monitors).toHaveLength(0);
      const page = { pageSize: 0, pageToken: '' };
      expect((await monitors.listAlerts({ state: '', modelName: '', ...page }, there)).alerts).toHaveLength(0);
      const alert = (await monitors.listAlerts({ state: '', modelName: '', ...page }, here)).alerts[0];
      await expect(monitors.getAlert({ id: alert?.id ?? '' }, there)).rejects.toMatchObject(notFound);
      await expect(monitors.resetMonitor({ monitor: 'by-rpc', reason: 'r', requestId: '' }, there)).rejects.toMatchObject(
        notFound,
      );
      await expect(monitors.deleteMonitor({ monitor: 'by-rpc', requestId: '' }, there)).rejects.toMatchObject(notFound);
      await monitors.deleteMonitor({ monitor: 'by-rpc', requestId: 'd1' }, here);
      const [verdict] = (await verdictClient.listVerdicts({ rolloutId: '', ...page }, here)).verdicts;
      expect((await verdictClient.recomputeVerdict({ id: verdict?.id ?? '' }, here)).same).toBe(true);
      expect((await verdictClient.listVerdicts({ rolloutId: '', ...page }, there)).verdicts).toHaveLength(0);
      await expect(verdictClient.getVerdict({ id: verdict?.id ?? '' }, there)).rejects.toMatchObject(notFound);
      await expect(verdictClient.recomputeVerdict({ id: verdict?.id ?? '' }, there)).rejects.toMatchObject(notFound);
      expect((await proposals.listProposals({ state: '', modelName: '', ...page }, there)).proposals).toHaveLength(0);
      await expect(proposals.getProposal({ id: newId() }, here)).rejects.toMatchObject(notFound);
    } finally {
      for (const client of [monitors, verdictClient, proposals]) client.close();
    }
  }, 60_000);
});
