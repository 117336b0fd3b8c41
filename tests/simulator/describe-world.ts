// SPDX-License-Identifier: Apache-2.0
import { catchMutant } from './catch-mutant';
import type { Mutant } from './mutant';
import { describeFailure, firstFailure, shorten, WORLDS } from './run-schedules';
import { loadSchemas } from './schemas';

const BUDGET_MS = 600_000;

/** Schedules of one world from seed 1 on. */
export function describeWorld(world: keyof typeof WORLDS, schedules: number): void {
  it(
    `keeps its promises in ${schedules} schedules of ${world}`,
    async () => {
      const schemas = await loadSchemas();
      const run = WORLDS[world];
      const failure = await firstFailure({ seed: 1, schedules }, schemas, { run });
      if (failure) throw new Error(describeFailure(await shorten(failure, schemas, { run })));
    },
    BUDGET_MS,
  );
}

/** Each mutation must be caught. */
export function describeMutants(mutants: readonly Mutant[], schedules: number): void {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    'notices when the code is changed to %s',
    async (_name, mutant) => {
      expect(await catchMutant(mutant, await loadSchemas(), schedules)).toBeDefined();
    },
    BUDGET_MS,
  );
}
