// SPDX-License-Identifier: Apache-2.0
import { drawPlan, type Plan } from './faults';
import { IntentsWorld } from './intents-world';
import { JobsWorld } from './jobs-world';
import type { Schemas } from './schemas';
import { type Twist, World } from './world';

export interface Failure {
  plan: Plan;
  violations: string[];
}

export async function runPlan(plan: Plan, schemas: Schemas, twist?: Twist): Promise<string[]> {
  return new World(plan, schemas, twist).run();
}

export async function runIntents(plan: Plan, schemas: Schemas, twist?: Twist): Promise<string[]> {
  return new IntentsWorld(plan, schemas, twist).run();
}

export async function runJobs(plan: Plan, schemas: Schemas, twist?: Twist): Promise<string[]> {
  return new JobsWorld(plan, schemas, twist).run();
}

/** The worlds by name. */
export const WORLDS = { messaging: runPlan, intents: runIntents, jobs: runJobs };

export interface RunOptions {
  twist?: Twist;
  /** Which world: messaging unless told otherwise. */
  run?: typeof runPlan;
}

/** Runs schedules from a seed on until one fails; gives that one. */
export async function firstFailure(
  range: { seed: number; schedules: number },
  schemas: Schemas,
  options: RunOptions & { onSchedule?: (done: number) => void } = {},
): Promise<Failure | undefined> {
  for (let i = 0; i < range.schedules; i += 1) {
    const plan = drawPlan(range.seed + i);
    const violations = await (options.run ?? runPlan)(plan, schemas, options.twist);
    if (violations.length > 0) return { plan, violations };
    options.onSchedule?.(i + 1);
    // Timers and signals of the real process get a turn between schedules.
    if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
  return undefined;
}

/** Leaves out faults, one after the other, as long as the schedule still fails: what remains is what it takes. */
export async function shorten(failure: Failure, schemas: Schemas, { twist, run = runPlan }: RunOptions = {}): Promise<Failure> {
  let best = failure;
  for (let i = best.plan.faults.length - 1; i >= 0; i -= 1) {
    const plan = { ...best.plan, faults: best.plan.faults.filter((_fault, index) => index !== i) };
    const violations = await run(plan, schemas, twist);
    if (violations.length > 0) best = { plan, violations };
  }
  return best;
}

export function describeFailure({ plan, violations }: Failure): string {
  return [
    `seed ${plan.seed} (${plan.broker}, ${plan.processes} processes, ${plan.changes} changes) breaks a promise:`,
    ...violations.map((violation) => `  ${violation}`),
    'faults that it takes:',
    ...(plan.faults.length === 0 ? ['  none'] : plan.faults.map((fault) => `  ${JSON.stringify(fault)}`)),
    `again: npm run simulate -- --schedules 1 --seed ${plan.seed}`,
  ].join('\n');
}
