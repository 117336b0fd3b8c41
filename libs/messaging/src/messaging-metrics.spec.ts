// SPDX-License-Identifier: Apache-2.0
import { Metrics } from '#libs/observability';
import { registerScrapes } from './messaging-metrics';

describe('a scrape', () => {
  afterEach(() => jest.useRealTimers());

  it('(found by fault F7) gives out all other figures when the broker accepts and never answers, and asks it once', async () => {
    jest.useFakeTimers();
    const metrics = new Metrics('spec');
    const lag = jest.fn(() => new Promise<never>(() => undefined));
    const one = { consumer: 'spec.group', heartbeatAgeSeconds: 7, rebuilds: 1, offsetResets: 3 };
    registerScrapes(metrics, { lag, deadLetters: async () => [], consumers: () => [one] });
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
