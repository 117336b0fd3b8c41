// SPDX-License-Identifier: Apache-2.0
import { catchMutant, planCatches } from './catch-mutant';
import type { Mutant } from './mutant';
import { readPins } from './pins';
import { describeFailure, firstFailure, shorten, type WorldName } from './run-schedules';
import { loadSchemas } from './schemas';

const BUDGET_MS = 900_000;

/** Schedules of one world. */
export function describeWorld(world: WorldName, range: { seed: number; schedules: number }): void {
  it(
    `keeps its promises in ${range.schedules} schedules of ${world}`,
    async () => {
      const schemas = await loadSchemas();
      const failure = await firstFailure(range, schemas, { world });
      if (failure) throw new Error(describeFailure(await shorten(failure, schemas)));
    },
    BUDGET_MS,
  );
}

/** Each mutation must be caught: by the schedule that is pinned for it, or when that does not meet it any more by others. */
export function describeMutants(mutants: readonly Mutant[], schedules: number): void {
  const pins = new Map(readPins().map((pin) => [pin.mutation, pin.plan]));
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    'notices when the code is changed to %s',
    async (name, mutant) => {
      const schemas = await loadSchemas();
      const pin = pins.get(name);
      if (pin && (await planCatches(mutant, pin, schemas))) return;
      expect(await catchMutant(mutant, schemas, schedules)).toBeDefined();
    },
    BUDGET_MS,
  );
}
