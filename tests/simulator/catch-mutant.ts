// SPDX-License-Identifier: Apache-2.0
import type { Plan } from './faults';
import type { Mutant } from './mutant';
import { firstFailure, runPlan, shorten, type Failure } from './run-schedules';
import type { Schemas } from './schemas';

/** Does something with mutated code. */
export async function withMutant<T>(mutant: Mutant, work: () => Promise<T>): Promise<T> {
  const undo = mutant.apply?.();
  try {
    return await work();
  } finally {
    undo?.();
  }
}

/** Runs schedules on mutated code until one fails. */
export function catchMutant(mutant: Mutant, schemas: Schemas, schedules: number): Promise<Failure | undefined> {
  return withMutant(mutant, () => firstFailure({ seed: 1, schedules }, schemas, mutant));
}

/** The failure made as small as it can be on mutated code. */
export function shortenMutant(mutant: Mutant, failure: Failure, schemas: Schemas): Promise<Failure> {
  return withMutant(mutant, () => shorten(failure, schemas, mutant.twist));
}

/** Whether one plan fails on mutated code. */
export async function planCatches(mutant: Mutant, plan: Plan, schemas: Schemas): Promise<boolean> {
  return (await withMutant(mutant, () => runPlan(plan, schemas, mutant))).length > 0;
}
