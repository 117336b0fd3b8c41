// SPDX-License-Identifier: Apache-2.0
import { LoopDelay } from './loop-delay';
import { Metrics } from './metrics';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function until(condition: () => boolean, work: () => void): Promise<void> {
  const end = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('never happened');
    work();
    await turn();
  }
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('LoopDelay', () => {
  it('tells a block of an idle process, and measures once the loop is busy', async () => {
    const delay = new LoopDelay();
    try {
      expect(delay.isMeasuring).toBe(false);
      await until(
        () => delay.isMeasuring,
        () => block(120),
      );
      expect(delay.read().p99).toBeGreaterThan(0.1);
      // A reading forgets the tick before it, so several blocks come between two.
      for (let n = 0; n < 5; n += 1) {
        block(120);
        await turn();
      }
      expect(delay.read().most).toBeGreaterThan(0.05);
    } finally {
      delay.close();
    }
  });

  it('replaces the figures of the client library, which wake the process all the time', async () => {
    const metrics = new Metrics('spec');
    const { body } = await metrics.page();
    expect(body).toContain('millrace_spec_event_loop_delay_seconds{quantile="0.99"}');
    expect(body).not.toContain('nodejs_eventloop_lag_p99_seconds');
    metrics.close();
  });
});
