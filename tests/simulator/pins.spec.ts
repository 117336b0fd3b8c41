// SPDX-License-Identifier: Apache-2.0
import { ALL_MUTANTS } from './all-mutants';
import { readPins } from './pins';
import { describeFailure, runPlan } from './run-schedules';
import { loadSchemas, type Schemas } from './schemas';

describe('pinned schedules', () => {
  let schemas: Schemas;
  beforeAll(async () => {
    schemas = await loadSchemas();
  });

  it('are there for every mutation', () => {
    expect(readPins().map((pin) => pin.mutation)).toEqual(ALL_MUTANTS.map((mutant) => mutant.name));
  });

  it.each(readPins().map((pin) => [pin.mutation, pin.plan] as const))(
    'keep the promises of the code as it is: %s',
    async (mutation, plan) => {
      const world = ALL_MUTANTS.find((mutant) => mutant.name === mutation)?.world ?? 'messaging';
      const violations = await runPlan(plan, schemas, { world });
      if (violations.length > 0) throw new Error(describeFailure({ world, plan, violations }));
    },
  );
});
