// SPDX-License-Identifier: Apache-2.0
import { Kernel, SimProcess } from './kernel';

describe('virtual time', () => {
  it('lets things happen in order of their time, and promises settle between two of them', async () => {
    const kernel = new Kernel(1);
    const { clock } = new SimProcess(kernel, 'p0');
    const seen: string[] = [];
    void clock.sleep(20).then(() => seen.push(`late at ${kernel.nowMs}`));
    void clock.sleep(10).then(() => seen.push(`early at ${kernel.nowMs}`));
    await kernel.run(100, () => false);
    expect(seen).toEqual(['early at 10', 'late at 20']);
  });

  it('stops a process that loops while no time passes, and says which', async () => {
    const kernel = new Kernel(1);
    const { clock } = new SimProcess(kernel, 'p0');
    const loop = async (): Promise<never> => {
      for (;;) await clock.sleep(1, AbortSignal.abort(new Error('stopped'))).catch(() => undefined);
    };
    kernel.after(5, () => void loop());
    await expect(kernel.run(100, () => false)).rejects.toThrow('p0 loops without end at 5 ms');
  });

  it('stops a schedule that never comes to rest', async () => {
    const kernel = new Kernel(1);
    const again = (): void => void kernel.after(0, again);
    again();
    await expect(kernel.run(100, () => false)).rejects.toThrow('not at rest after 100000 steps, at 0 ms');
  });
});
