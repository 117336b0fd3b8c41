// SPDX-License-Identifier: Apache-2.0
import { newId } from '#libs/clock';
import { monitoring } from '#libs/contracts';
import { createRpcClient } from '#libs/rpc';
import { eventually } from '#libs/testing';
import { MonitoringHarness, rating, type Json } from './monitoring-harness';

describe('feedback', () => {
  let harness: MonitoringHarness;
  const timeoutMs = 10_000;

  beforeAll(async () => {
    harness = await MonitoringHarness.start({ FEEDBACK_PER_RATER_DAY_MAX: '30' });
  }, 60_000);
  afterAll(() => harness.close(), 30_000);

  it('accepts what comes after its inference, by HTTP, and publishes it once', async () => {
    const [id] = await harness.infer([{ inputText: 'a small dog', outputText: ' animal' }]);
    await eventually(async () => (await harness.call('GET', `/api/v1/inferences/${id}`)).status === 200, { timeoutMs });
    const body = { ...rating(id ?? '', { right: false, rater: 'u-1', correction: 'plant' }), id: 'once' };
    const first = await harness.call('POST', '/api/v1/feedback', body);
    expect(first).toMatchObject({
      status: 201,
      body: { state: 'accepted', modelName: 'glossary', modelVersion: 1, good: false },
    });
    expect(first.body.raterHash).not.toContain('u-1');
    const again = await harness.call('POST', '/api/v1/feedback', body);
    expect(again.body.id).toBe(first.body.id);
    const accepted = (await harness.published('millrace.monitoring.feedback-accepted.v1')).filter(
      (each) => each.inferenceId === id,
    );
    expect(accepted).toEqual([
      expect.objectContaining({
        feedbackId: first.body.id,
        matched: true,
        correction: 'plant',
        inputText: 'a small dog',
        outputText: ' animal',
      }),
    ]);
  });

  it('keeps feedback for an unknown inference as unmatched and joins it when the inference arrives', async () => {
    const id = newId();
    const first = await harness.call('POST', '/api/v1/feedback', rating(id, { right: true, rater: 'u-2' }));
    expect(first).toMatchObject({ status: 201, body: { state: 'unmatched', modelName: '' } });
    await harness.infer([{ id, modelVersion: 7 }]);
    await eventually(
      async () => {
        const stored = await harness.get(`/api/v1/feedback/${first.body.id}`);
        expect(stored).toMatchObject({ state: 'accepted', modelVersion: 7 });
      },
      { timeoutMs },
    );
  });

  it('takes the id of the answer in place of the inference id', async () => {
    const responseId = `chatcmpl-${newId()}`;
    const [id] = await harness.infer([{ responseId }]);
    await eventually(async () => (await harness.call('GET', `/api/v1/inferences/${id}`)).status === 200, { timeoutMs });
    const stored = await harness.call('POST', '/api/v1/feedback', rating(responseId, { right: true, rater: 'u-3' }));
    expect(stored.body).toMatchObject({ state: 'accepted', inferenceId: id });
  });

  it('reads CloudEvents in binary and structured mode, and puts bad ones aside with their reason', async () => {
    const [id = ''] = await harness.infer([{}]);
    const structured = (data: unknown): string =>
      JSON.stringify({
        specversion: '1.0',
        id: newId(),
        source: 'product/structured',
        type: 'millrace.feedback.v1',
        workspace: 'default',
        data,
      });
    const structuredHeaders = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
    await harness.produceFeedback([
      { id: 'dup', data: rating(id, { right: true, rater: 'binary' }) },
      { data: { ...rating(id, { right: true, rater: 'x' }), colour: 'red', value: [] } },
      { id: 'dup', data: rating(id, { right: true, rater: 'binary' }) },
      { data: '{"target":' },
    ]);
    await harness.produceRaw(structured(rating(id, { right: false, rater: 'structured' })), structuredHeaders);
    await harness.produceRaw(JSON.stringify(rating(id, { right: true, rater: 'nobody' })), {
      ce_specversion: '1.0',
      ce_source: 's',
      ce_type: 't',
    });
    await eventually(
      async () => {
        const { items } = await harness.get(`/api/v1/feedback?inferenceId=${id}`);
        expect(items.map((item: Json) => [item.source, item.state]).sort()).toEqual([
          ['product/spec', 'accepted'],
          ['product/structured', 'accepted'],
        ]);
        const messages = (await harness.deadLetters()).map((letter) => `${letter.code} ${letter.message}`);
        expect(messages.some((message) => /INVALID_ARGUMENT.*colour: unknown field; value: must be/.test(message))).toBe(true);
        expect(messages.some((message) => /UNREADABLE_DATA.*not JSON/.test(message))).toBe(true);
        expect(messages.some((message) => /NOT_AN_EVENT.*id is missing/.test(message))).toBe(true);
      },
      { timeoutMs: 20_000 },
    );
  });

  it('caps a rater per day, across batches, and says so', async () => {
    const ids = await harness.infer(Array.from({ length: 40 }, () => ({})));
    await harness.produceFeedback(ids.slice(0, 25).map((id) => ({ data: rating(id, { right: true, rater: 'capped' }) })));
    await harness.produceFeedback(ids.slice(25).map((id) => ({ data: rating(id, { right: true, rater: 'capped' }) })));
    await eventually(
      async () => {
        const { items } = await harness.get(`/api/v1/feedback?inferenceId=${ids[0]}`);
        const raterHash = items[0]?.raterHash;
        const all = (await harness.get(`/api/v1/feedback?raterHash=${raterHash}&pageSize=100`)).items;
        const count = (state: string): number => all.filter((item: Json) => item.state === state).length;
        expect([count('accepted'), count('capped')]).toEqual([30, 10]);
        expect(all.find((item: Json) => item.state === 'capped').stateReason).toContain('more than 30');
      },
      { timeoutMs },
    );
  });

  it('rejects a correction that is no label of the metric', async () => {
    const put = await harness.call('PUT', '/api/v1/metrics/labelled', { labels: ['plant', 'animal'] });
    expect(put.status).toBe(200);
    const [id = ''] = await harness.infer([{}]);
    const send = (correction: string) =>
      harness.call('POST', '/api/v1/feedback', { ...rating(id, { right: false, rater: 'v', correction }), metric: 'labelled' });
    expect((await send('banana')).body).toMatchObject({ state: 'rejected', impossible: true });
    expect((await send('Plant')).body.state).not.toBe('rejected');
  });

  it.each([
    ['nothing', {}, ['target', 'rater', 'metric', 'value']],
    ['an unknown field', { ...rating('i', { right: true, rater: 'u' }), colour: 1 }, ['colour']],
    ['a list', [], ['data']],
  ])('refuses %s by HTTP and names the fields', async (_name, body, fields) => {
    const answer = await harness.call('POST', '/api/v1/feedback', body);
    expect(answer.status).toBe(400);
    expect(answer.body.code).toBe('COMMON.INVALID_ARGUMENT');
    expect(answer.body.errors.map((error: Json) => error.field).sort()).toEqual([...fields].sort());
  });

  it('names the item of a batch, stores nothing of a bad batch, and pages lists', async () => {
    const good = rating(newId(), { right: true, rater: 'batch' });
    const bad = await harness.call('POST', '/api/v1/feedback/batch', { items: [good, { ...good, value: null }] });
    expect(bad.body.errors[0].field).toBe('items[1].value');
    const stored = await harness.call('POST', '/api/v1/feedback/batch', { items: [good, good, good] });
    expect(stored.body.items).toHaveLength(3);
    const { raterHash } = stored.body.items[0];
    const first = await harness.get(`/api/v1/feedback?raterHash=${raterHash}&pageSize=2`);
    const second = await harness.get(`/api/v1/feedback?raterHash=${raterHash}&pageSize=2&pageToken=${first.nextPageToken}`);
    expect(new Set([...first.items, ...second.items].map((item: Json) => item.id)).size).toBe(3);
    expect(second.nextPageToken).toBe('');
    expect((await harness.call('GET', `/api/v1/feedback?pageToken=${first.nextPageToken}`)).status).toBe(400);
  });

  it('answers gRPC: submit, get, list, raters', async () => {
    const client = createRpcClient(monitoring.FeedbackServiceService, { address: harness.service.grpcAddress, service: 'spec' });
    const settings = { deadlineMs: 5000, workspace: 'default' };
    const inferenceId = newId();
    const input = {
      id: '',
      inferenceId,
      metric: 'correct',
      valueJson: 'true',
      correction: '',
      comment: '',
      raterId: 'rpc',
      raterKind: '',
      occurredTime: undefined,
    };
    try {
      const sent = await client.submitFeedback({ feedback: [input], requestId: 'r1' }, settings);
      const again = await client.submitFeedback({ feedback: [input], requestId: 'r1' }, settings);
      expect(again.feedback[0]?.id).toBe(sent.feedback[0]?.id);
      expect(sent.feedback[0]?.state).toBe(monitoring.FeedbackState.FEEDBACK_STATE_UNMATCHED);
      const id = sent.feedback[0]?.id ?? '';
      expect((await client.getFeedback({ id }, settings)).feedback?.inferenceId).toBe(inferenceId);
      await expect(client.getFeedback({ id }, { ...settings, workspace: 'elsewhere' })).rejects.toMatchObject({
        code: 'COMMON.NOT_FOUND',
      });
      const list = {
        inferenceId,
        raterHash: '',
        modelName: '',
        state: monitoring.FeedbackState.FEEDBACK_STATE_UNSPECIFIED,
        pageSize: 0,
        pageToken: '',
      };
      expect((await client.listFeedback(list, settings)).feedback).toHaveLength(1);
      expect((await client.listFeedback(list, { ...settings, workspace: 'elsewhere' })).feedback).toHaveLength(0);
      await expect(
        client.submitFeedback({ feedback: [{ ...input, valueJson: '{' }], requestId: '' }, settings),
      ).rejects.toMatchObject({
        code: 'COMMON.INVALID_ARGUMENT',
        message: expect.stringContaining('feedback[0].value_json'),
      });
    } finally {
      client.close();
    }
  });
});
