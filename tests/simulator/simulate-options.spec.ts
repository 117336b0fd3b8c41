// SPDX-License-Identifier: Apache-2.0
import { availableParallelism } from 'node:os';
import { drawPlan } from './faults';
import { BadOption, readOptions } from './simulate-options';

describe('the options of the simulator', () => {
  it('take one process per core unless told otherwise', () => {
    expect(readOptions([])).toEqual({
      world: 'messaging',
      seed: 1,
      processes: availableParallelism(),
      mutants: false,
      schedules: undefined,
      plan: undefined,
    });
    expect(readOptions(['--processes', '7', '--schedules', '1000000'])).toMatchObject({ processes: 7, schedules: 1_000_000 });
  });

  it.each(['schedules', 'seed', 'processes'])('refuse what is no whole number from 1 on, and name the option: --%s', (name) => {
    for (const text of ['abc', '0', '-5', '1.5', '', '1e3', '99999999999999999999']) {
      const read = (): unknown => readOptions([`--${name}=${text}`]);
      expect(read).toThrow(BadOption);
      expect(read).toThrow(`--${name}`);
    }
  });

  it.each([
    ['--world=nowhere', '--world is one of messaging, intents, jobs'],
    ['--plan=nothing', '--plan is a plan as JSON'],
    ['--plan={"seed":1}', '--plan is a plan as JSON'],
    ['--shedules=5', '--shedules'],
  ])('refuse %s', (argument, message) => {
    expect(() => readOptions([argument])).toThrow(BadOption);
    expect(() => readOptions([argument])).toThrow(message);
  });

  it('take a plan as a failure prints it', () => {
    const plan = drawPlan(5);
    expect(readOptions(['--plan', JSON.stringify(plan)]).plan).toEqual(plan);
  });
});
