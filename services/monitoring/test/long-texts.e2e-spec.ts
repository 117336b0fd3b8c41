// SPDX-License-Identifier: Apache-2.0
import { monitoring } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { Database } from '#libs/persistence';
import { createRpcClient } from '#libs/rpc';
import { eventually } from '#libs/testing';
import type { Monitor } from '../src/monitors/monitor';
import { MonitorsRepository } from '../src/monitors/monitors.repository';
import { RatersRepository } from '../src/raters/raters.repository';
import { MonitoringHarness, rating, type Json } from './monitoring-harness';

jest.setTimeout(60_000);

/** As much as an endpoint may capture of each text. */
const TEXT_BYTES = 65_536;
const PIECES = 120;
const MIB = 1024 * 1024;
const callAs = { workspace: 'default', deadlineMs: 20_000 };

// A piece of feedback carries the texts of its inference: a backlog of them, or a page, would be hundreds of megabytes.
describe('feedback on inferences with long texts', () => {
  let harness: MonitoringHarness;
  let publishMany: jest.SpiedFunction<EventPublisher['publishMany']>;
  const id = 'long';
  const inputText = 'é'.repeat(TEXT_BYTES / 2);
  const outputText = 'o'.repeat(TEXT_BYTES);
  const raters = (kind: string): string[] => Array.from({ length: PIECES }, (_, n) => `${kind}-${n % 7}`);
  const until = (state: string, count: number): Promise<void> =>
    eventually(async () => {
      const { items } = await harness.get('/api/v1/feedback-summary');
      expect(items.map((sum: Json) => [sum.state, sum.count])).toEqual([[state, count]]);
    });

  beforeAll(async () => {
    harness = await MonitoringHarness.start({ FEEDBACK_PER_RATER_DAY_MAX: '1000', EVALUATION_INTERVAL_MS: '600000' });
    publishMany = jest.spyOn(harness.service.get(EventPublisher), 'publishMany');
    // Half of it comes before its inference.
    await harness.produceFeedback(raters('early').map((rater) => ({ data: rating(id, { right: true, rater }) })));
    await until('unmatched', PIECES);
    await harness.infer([
      { id, inputText, outputText },
      { id: 'short', inputText: 'dog', outputText: 'animal' },
    ]);
    await eventually(async () => (await harness.call('GET', `/api/v1/inferences/${id}`)).status === 200);
    await harness.produceFeedback(
      raters('late').flatMap((rater) => [
        { data: rating(id, { right: true, rater }) },
        { data: rating('short', { right: true, rater }) },
      ]),
    );
    await until('accepted', 3 * PIECES);
  });
  afterAll(() => harness.close());

  it('is announced with its texts, a few megabytes at a time', async () => {
    expect(publishMany.mock.calls.length).toBeGreaterThan(1);
    for (const [, , events] of publishMany.mock.calls) {
      const bytes = events.reduce((sum, { data }) => sum + Buffer.byteLength(JSON.stringify(data)), 0);
      expect(bytes).toBeLessThan(2.2 * MIB);
    }
    const events = await harness.published('millrace.monitoring.feedback-accepted.v1');
    expect(events).toHaveLength(3 * PIECES);
    const texts = events.map((event) => [event.inferenceId, event.inputText, event.outputText]);
    expect(texts.filter(([of]) => of === 'short').every(([, input, output]) => input === 'dog' && output === 'animal')).toBe(
      true,
    );
    const long = texts.filter(([of]) => of === id);
    expect(long).toHaveLength(2 * PIECES);
    expect(long.every(([, input, output]) => input === inputText && output === outputText)).toBe(true);
  });

  it.each(['feedback', 'inferences'])('is read in pages that fit into a message: %s', async (list) => {
    if (list === 'inferences') await harness.infer(Array.from({ length: 40 }, () => ({ inputText, outputText })));
    const rows = list === 'feedback' ? 3 * PIECES : 42;
    await eventually(async () => {
      const seen = new Set<string>();
      for (let token = '', first = true; first || token !== ''; first = false) {
        const page = await harness.get(`/api/v1/${list}?pageSize=1000&pageToken=${encodeURIComponent(token)}`);
        expect(page.items.length).toBeGreaterThan(0);
        expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(2.5 * MIB);
        for (const item of page.items) seen.add(item.id);
        token = page.nextPageToken;
      }
      expect(seen.size).toBe(rows);
    });
  });

  it('is seen by drift with the beginnings of its texts', async () => {
    const monitors = harness.service.get(MonitorsRepository);
    const monitor = { workspace: 'default', id: 'm', endpoint: 'triage' } as Monitor;
    const db = harness.service.get(Database);
    const choice = { after: new Date(0), which: 'newest', rowsMax: 10 } as const;
    const seen = await monitors.requests(db, monitor, choice);
    expect(seen.map(({ input }) => input.length)).toContain(8_000);
    expect(Math.max(...seen.map(({ input, answer }) => Math.max(input.length, answer.length)))).toBe(8_000);
  });

  it('is reviewed by the beginnings of its answers', async () => {
    const choice = { since: new Date(0), rowsMax: 1_000 };
    const opinions = await harness.service.get(RatersRepository).opinions(harness.service.get(Database), 'default', choice);
    expect(Math.max(...opinions.map(({ servedLabel }) => servedLabel.length))).toBe(500);
  });

  it('is taken and listed by gRPC within what a client takes by default', async () => {
    const client = createRpcClient(monitoring.FeedbackServiceService, { address: harness.service.grpcAddress, service: 'spec' });
    const piece = {
      inferenceId: id,
      metric: 'correct',
      valueJson: 'true',
      correction: '',
      comment: '',
      raterId: 'g',
      raterKind: '',
      occurredTime: undefined,
    };
    const { feedback } = await client.submitFeedback(
      { requestId: 'r', feedback: Array.from({ length: PIECES }, (_, n) => ({ ...piece, id: `g-${n}` })) },
      callAs,
    );
    expect(feedback).toHaveLength(PIECES);
    expect(feedback.filter(({ inputText: text }) => text === inputText).length).toBe(8);
    expect(feedback.filter(({ inputText: text }) => text === '').length).toBe(PIECES - 8);
    const page = await client.listFeedback(
      {
        pageSize: 1000,
        pageToken: '',
        state: monitoring.FeedbackState.FEEDBACK_STATE_UNSPECIFIED,
        inferenceId: id,
        raterHash: '',
        modelName: '',
      },
      callAs,
    );
    expect(page.feedback.length).toBe(15); // sixteen texts alone are 2 MiB
    expect(page.nextPageToken).not.toBe('');
    client.close();
  });
});
