// SPDX-License-Identifier: Apache-2.0
import { eventually } from '#libs/testing';
import { GatewayHarness } from './gateway-harness';

jest.setTimeout(60_000);

describe('configuration swaps under load', () => {
  it('fail no request: 40 changes of the endpoint, two rollouts, a promotion and a roll-back, streamed and not', async () => {
    const gateway = await GatewayHarness.start({ DRAIN_SECONDS: '1' });
    try {
      await gateway.endpoint('triage', { body: { rolloutPolicy: { steps: [50] } } });
      const failures: string[] = [];
      const versions = new Set<string>();
      let sent = 0;
      let running = true;
      const caller = async (number: number): Promise<void> => {
        while (running) {
          const stream = sent % 3 === 0;
          sent += 1;
          const body = {
            model: 'triage',
            messages: [{ role: 'user', content: 'x' }],
            user: `user-${number}-${sent % 50}`,
            stream,
          };
          const response = await fetch(`${gateway.url}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          });
          const text = await response.text();
          versions.add(response.headers.get('x-millrace-model-version') ?? 'none');
          const complete = stream ? text.endsWith('data: [DONE]\n\n') && !text.includes('"error"') : text.includes('served by');
          if (response.status !== 200 || !complete) failures.push(`${response.status} ${text.slice(0, 200)}`);
        }
      };
      const callers = Promise.all(Array.from({ length: 8 }, (_unused, number) => caller(number)));
      const swap = async (count: number): Promise<void> => {
        for (let index = 0; index < count; index += 1) {
          const reply = await gateway.call('PATCH', '/api/v1/endpoints/triage', { captureBytesMax: (index * 37) % 4096 });
          expect(reply.status).toBe(200);
          await gateway.live();
        }
      };
      const rollOut = async (version: number, decision: 'PROMOTE' | 'ROLLBACK'): Promise<void> => {
        await gateway.aliasMoved('triage', version);
        const { rolloutId } = await gateway.until('triage', ({ state }) => state === 'rolling-out');
        await swap(10);
        await gateway.verdict(rolloutId, decision);
        await gateway.until('triage', ({ state }) => state === 'serving');
      };
      try {
        await swap(10);
        await rollOut(2, 'PROMOTE');
        await rollOut(3, 'ROLLBACK');
        await swap(10);
        // Old versions are unloaded while requests go on.
        await eventually(() => ['triage-v1', 'triage-v3'].every((id) => gateway.backend.unloads.includes(id)));
      } finally {
        running = false;
        await callers;
      }
      expect(failures).toEqual([]);
      expect([...versions].sort()).toEqual(['1', '2', '3']);
      expect(sent).toBeGreaterThan(200);
      expect(await gateway.get('triage')).toMatchObject({ serving: { version: 2 }, etag: '41' });
    } finally {
      await gateway.close();
    }
  });
});
