// SPDX-License-Identifier: Apache-2.0
import type { Mutant } from './mutant';
import { firstFailure, WORLDS, type Failure } from './run-schedules';
import type { Schemas } from './schemas';

/** Runs schedules on mutated code until one fails. */
export async function catchMutant(mutant: Mutant, schemas: Schemas, schedules: number): Promise<Failure | undefined> {
  const undo = mutant.apply?.();
  try {
    return await firstFailure({ seed: 1, schedules }, schemas, {
      twist: mutant.twist,
      run: WORLDS[mutant.world ?? 'messaging'],
    });
  } finally {
    undo?.();
  }
}
