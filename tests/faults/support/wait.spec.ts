// SPDX-License-Identifier: Apache-2.0
import { OutOfPatience, PromiseBroken, promised, waitFor } from './wait';

const AT_ONCE = { timeoutMs: 1, intervalMs: 1 };

describe('waiting in the fault suite', () => {
  it('gives what was asked for, as soon as it is there', async () => {
    const answers = [false, undefined, 7];
    await expect(waitFor('seven', () => answers.shift(), { intervalMs: 1 })).resolves.toBe(7);
    await expect(promised('seven', () => 7, AT_ONCE)).resolves.toBe(7);
  });

  it('tells a broken promise from a want of patience, and says why', async () => {
    const never = (): never => {
      throw new Error('3 events wait');
    };
    const late = await waitFor('empty outboxes', never, AT_ONCE).catch((error: unknown) => error);
    expect(late).toBeInstanceOf(OutOfPatience);
    expect((late as Error).message).toBe('waited 1 ms for empty outboxes: 3 events wait');
    const broken = await promised('empty outboxes', never, AT_ONCE).catch((error: unknown) => error);
    expect(broken).toBeInstanceOf(PromiseBroken);
    expect(broken).not.toBeInstanceOf(OutOfPatience);
    expect((broken as Error).message).toBe('promised within 1 ms: empty outboxes: 3 events wait');
  });
});
