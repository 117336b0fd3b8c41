// SPDX-License-Identifier: Apache-2.0
import { PINNED_SEEDS } from './pinned-seeds';
import { describeFailure, firstFailure, shorten } from './run-schedules';
import { loadSchemas, type Schemas } from './schemas';

const SCHEDULES = 2_500;
const BUDGET_MS = 900_000;

/** The schedules of one spec file: a range of seeds, and the pinned ones. */
export function describeSchedules(range: { seed: number; pinned: boolean }): void {
  describe('the messaging code under simulated faults', () => {
    let schemas: Schemas;
    beforeAll(async () => {
      schemas = await loadSchemas();
    });

    const check = async (seed: number, schedules: number): Promise<void> => {
      const failure = await firstFailure({ seed, schedules }, schemas);
      if (failure) throw new Error(describeFailure(await shorten(failure, schemas)));
    };

    if (range.pinned) {
      it.each(PINNED_SEEDS)('keeps its promises in the pinned schedule %i', (seed) => check(seed, 1), BUDGET_MS);
    }
    it(`keeps its promises in ${SCHEDULES} schedules`, () => check(range.seed, SCHEDULES), BUDGET_MS);
  });
}
