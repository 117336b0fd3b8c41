// SPDX-License-Identifier: Apache-2.0
import { Metrics } from '#libs/observability';
import { messagingMetrics, registerScrapes, showConsumer } from './messaging-metrics';

describe('a scrape', () => {
  afterEach(() => jest.useRealTimers());

  it('(found by fault F7) gives out all other figures when the broker accepts and never answers, and asks it once', async () => {
    jest.useFakeTimers();
    const metrics = new Metrics('spec');
    const lag = jest.fn(() => new Promise<never>(() => undefined));
    const one = { consumer: 'spec.group', heartbeatAgeSeconds: 7, rebuilds: 1, offsetResets: 3 };
    registerScrapes(metrics, {
      outbox: async () => ({ waiting: 0, oldestSeconds: 0 }),
      lag,
      deadLetters: async () => [],
      consumers: () => [one],
    });
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const asked = metrics.page();
      await jest.advanceTimersByTimeAsync(2_000);
      const { body } = await asked;
      expect(body).toMatch(/consumer_heartbeat_age_seconds\{[^}]*\} 7/);
      expect(body).toMatch(/consumer_offset_resets_count\{[^}]*\} 3/);
    }
    expect(lag).toHaveBeenCalledTimes(1);
  });
});

describe('events of a consumer', () => {
  it('are given out as 0, by outcome, before there are any', async () => {
    const figures = messagingMetrics(new Metrics('spec'));
    showConsumer(figures, 'spec.group');
    const { values } = await figures.events.get();
    expect(values.map(({ labels, value }) => [labels.consumer, labels.outcome, value])).toEqual([
      ['spec.group', 'done', 0],
      ['spec.group', 'dead-lettered', 0],
      ['spec.group', 'skipped', 0],
      ['spec.group', 'postponed', 0],
    ]);
  });
});
