// SPDX-License-Identifier: Apache-2.0
import { planCatches } from './catch-mutant';
import { drawPlan, type Plan } from './faults';
import { MUTANTS } from './mutants';
import { describeFailure, shorten, smaller } from './run-schedules';
import { loadSchemas } from './schemas';
import { slicesOf } from './simulate-many';

const skipsTheInbox = MUTANTS[0];

describe('a schedule that fails', () => {
  it('is shortened until nothing can be left out, and told as a command with its plan', async () => {
    const schemas = await loadSchemas();
    const { twist } = skipsTheInbox;
    let seed = 1;
    while (!(await planCatches(skipsTheInbox, drawPlan(seed), schemas))) seed += 1;
    const failure = { world: 'messaging', plan: drawPlan(seed), violations: ['something'] } as const;
    const short = await shorten({ ...failure, violations: [...failure.violations] }, schemas, twist);
    for (const plan of smaller(short.plan)) expect(await planCatches(skipsTheInbox, plan, schemas)).toBe(false);
    const [, json] = /--plan '(.*)'$/.exec(describeFailure(short)) ?? [];
    expect(JSON.parse(json ?? '')).toEqual(short.plan);
  }, 60_000);

  it('loses the faults of a process that is left out', () => {
    const plan: Plan = { ...drawPlan(1), processes: 2, changes: 1, faults: [{ kind: 'lose-answer', process: 1, atCall: 3 }] };
    expect(smaller(plan).filter(({ processes }) => processes === 1)).toEqual([{ ...plan, processes: 1, faults: [] }]);
  });
});

describe('many schedules', () => {
  it('are dealt out so that each seed runs once and no process runs for too long', () => {
    const slices = slicesOf({ world: 'messaging', seed: 5, schedules: 50_001, processes: 2 });
    expect(slices.map(({ seed, schedules }) => [seed, schedules])).toEqual([
      [5, 20_000],
      [20_005, 20_000],
      [40_005, 10_001],
    ]);
    expect(slicesOf({ world: 'jobs', seed: 1, schedules: 3, processes: 2 }).map(({ schedules }) => schedules)).toEqual([2, 1]);
  });
});
