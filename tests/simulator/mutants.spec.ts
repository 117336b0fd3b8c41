// SPDX-License-Identifier: Apache-2.0
import { MUTANTS } from './mutants';
import { catchMutant } from './catch-mutant';
import { loadSchemas, type Schemas } from './schemas';

/** Several times what the hardest of them takes, see the table in README.md. */
const SCHEDULES = 1_500;

describe('the simulator', () => {
  let schemas: Schemas;
  beforeAll(async () => {
    schemas = await loadSchemas();
  });

  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    'notices when the code is changed to %s',
    async (_name, mutant) => {
      expect(await catchMutant(mutant, schemas, SCHEDULES)).toBeDefined();
    },
    600_000,
  );
});
