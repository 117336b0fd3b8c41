// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import { CALLS_MAX, WebhookCalls, WORKSPACE_CALLS_MAX } from './webhook-calls';

describe('WebhookCalls', () => {
  const clock = new FakeClock();
  let calls: WebhookCalls;
  let end: (() => void)[];
  const begin = (workspace: string): void => calls.start(workspace, () => new Promise((resolve) => end.push(resolve)));

  beforeEach(() => {
    calls = new WebhookCalls(clock);
    end = [];
  });

  it('bounds those of a workspace and those in all, and has room again when one ends', async () => {
    for (let i = 0; i < WORKSPACE_CALLS_MAX; i += 1) begin('a');
    expect(calls.inTurn(['a', 'b'])).toEqual(['b']);
    for (let i = WORKSPACE_CALLS_MAX; i < CALLS_MAX; i += 1) begin(`w${i}`);
    expect(calls.hasRoom('b')).toBe(false);
    const told = jest.fn();
    calls.onEnd = told;
    end[0]();
    await clock.advance(0);
    expect(told).toHaveBeenCalledTimes(1);
    expect([calls.hasRoom('a'), calls.hasRoom('b')]).toEqual([true, true]);
  });

  it('gives the next turn to the workspace that waits longest, and to one that comes new before all', () => {
    for (const workspace of ['b', 'c', 'a']) begin(workspace);
    expect(calls.inTurn(['a', 'b', 'c'])).toEqual(['b', 'c', 'a']);
    begin('b');
    expect(calls.inTurn(['a', 'b', 'c', 'new'])).toEqual(['new', 'c', 'a', 'b']);
  });

  it('takes none any more when it closes, and waits for those that end by themselves', async () => {
    let isOff = false;
    calls.start('a', (signal) => {
      signal.addEventListener('abort', () => (isOff = true));
      return clock.sleep(1_900);
    });
    let isClosed = false;
    const closed = calls.close().then(() => (isClosed = true));
    expect(calls.hasRoom('a')).toBe(false);
    await clock.advance(1_899);
    expect([isClosed, isOff]).toEqual([false, false]);
    await clock.advance(1);
    await closed;
    expect(isClosed).toBe(true);
  });

  it('breaks off what hangs, and waits until it has ended', async () => {
    const heard: string[] = [];
    calls.start('a', (signal) => clock.sleepUnlessAborted(60_000, signal).then(() => void heard.push('off')));
    const closed = calls.close();
    await clock.advance(1_999);
    expect(heard).toEqual([]);
    await clock.advance(1);
    await closed;
    expect(heard).toEqual(['off']);
  });
});
