// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import type { EventRunner, RunResult } from './event-runner';
import type { EventHandler, ReceivedEvent } from './events';
import { GatheredRuns } from './gathered-runs';

const handler = { topic: 't', batch: true } as EventHandler;
const piece = (partition: number, count: number): ReceivedEvent[] =>
  Array.from({ length: count }, (_, n) => ({ partition, offset: String(n) }) as ReceivedEvent);
const show = (events: readonly ReceivedEvent[]): string =>
  events.map(({ partition, offset }) => `${partition}/${offset}`).join(' ');

describe('pieces of several partitions', () => {
  let clock: FakeClock;
  let ran: string[];
  let together: boolean;
  let runs: GatheredRuns;
  const abort = { controller: new AbortController() };
  const run = (events: ReceivedEvent[], of = handler): Promise<RunResult> => runs.run(of, events, abort.controller.signal);

  beforeEach(() => {
    clock = new FakeClock();
    ran = [];
    together = true;
    abort.controller = new AbortController();
    const runner = {
      run: async (_handler: EventHandler, events: ReceivedEvent[]) => {
        ran.push(`alone ${show(events)}`);
        return { done: events.length };
      },
      runTogether: async (_handler: EventHandler, events: ReceivedEvent[]) => {
        ran.push(`together ${show(events)}`);
        return together;
      },
    };
    runs = new GatheredRuns(runner as unknown as EventRunner, clock, { sizeMax: 5, gatherMs: 2 });
  });

  it('that come within the time run as one, each in its order, and each hears of its own events', async () => {
    const results = [run(piece(0, 2)), run(piece(1, 1))];
    await clock.advance(1);
    results.push(run(piece(2, 1)));
    await clock.advance(1);
    expect(await Promise.all(results)).toEqual([{ done: 2 }, { done: 1 }, { done: 1 }]);
    expect(ran).toEqual(['together 0/0 0/1 1/0 2/0']);
  });

  it('run as soon as they are enough, and never more than enough', async () => {
    const results = [run(piece(0, 3)), run(piece(1, 2)), run(piece(2, 3)), run(piece(3, 3))];
    await clock.advance(0);
    expect(ran).toEqual(['together 0/0 0/1 0/2 1/0 1/1', 'alone 2/0 2/1 2/2']);
    await clock.advance(2);
    expect(ran.slice(2)).toEqual(['alone 3/0 3/1 3/2']);
    await Promise.all(results);
  });

  it('that are enough by themselves wait for nobody', async () => {
    const waiting = run(piece(0, 1));
    expect(await run(piece(1, 5))).toEqual({ done: 5 });
    expect(ran).toEqual(['alone 1/0 1/1 1/2 1/3 1/4']);
    await clock.advance(2);
    await waiting;
  });

  it('of different handlers do not run together', async () => {
    const results = [run(piece(0, 1)), run(piece(1, 1), { ...handler }), run(piece(2, 1))];
    await clock.advance(2);
    await Promise.all(results);
    expect(ran.sort()).toEqual(['alone 0/0', 'alone 1/0', 'alone 2/0']);
  });

  it('that fail together run each by itself: the reason may lie in one of them', async () => {
    together = false;
    const results = [run(piece(0, 2)), run(piece(1, 1))];
    await clock.advance(2);
    expect(await Promise.all(results)).toEqual([{ done: 2 }, { done: 1 }]);
    expect(ran).toEqual(['together 0/0 0/1 1/0', 'alone 0/0 0/1', 'alone 1/0']);
  });

  it('do not run by themselves any more when their partitions went away meanwhile', async () => {
    together = false;
    const results = [run(piece(0, 2)), run(piece(1, 1))];
    abort.controller.abort();
    await clock.advance(2);
    expect(await Promise.all(results)).toEqual([{ done: 0 }, { done: 0 }]);
    expect(ran).toHaveLength(1);
  });
});
