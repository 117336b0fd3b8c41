// SPDX-License-Identifier: Apache-2.0
import { drawPlan, type Plan } from './faults';
import { IntentsWorld } from './intents-world';
import { JobsWorld } from './jobs-world';
import type { Schemas } from './schemas';
import { TrainingWorld } from './training-world';
import { WebhooksWorld } from './webhooks-world';
import { type Twist, World } from './world';

/** The worlds by name. */
export const WORLDS = {
  messaging: World,
  intents: IntentsWorld,
  jobs: JobsWorld,
  training: TrainingWorld,
  webhooks: WebhooksWorld,
};

export type WorldName = keyof typeof WORLDS;

export interface Failure {
  world: WorldName;
  plan: Plan;
  violations: string[];
}

export interface RunOptions {
  twist?: Twist;
  /** Messaging unless told otherwise. */
  world?: WorldName;
}

/** One schedule; gives what is wrong. */
export function runPlan(plan: Plan, schemas: Schemas, { twist, world = 'messaging' }: RunOptions = {}): Promise<string[]> {
  return new WORLDS[world](plan, schemas, twist).run();
}

/** Runs schedules from a seed on until one fails; gives that one. */
export async function firstFailure(
  range: { seed: number; schedules: number },
  schemas: Schemas,
  options: RunOptions & { onSchedule?: (done: number) => void } = {},
): Promise<Failure | undefined> {
  for (let i = 0; i < range.schedules; i += 1) {
    const plan = drawPlan(range.seed + i);
    const violations = await runPlan(plan, schemas, options);
    if (violations.length > 0) return { world: options.world ?? 'messaging', plan, violations };
    options.onSchedule?.(i + 1);
    // Timers and signals of the real process get a turn between schedules.
    if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
  return undefined;
}

/** Makes the schedule smaller as long as it still fails, until nothing can be left out: what remains is what it takes. */
export async function shorten(failure: Failure, schemas: Schemas, twist?: Twist): Promise<Failure> {
  const { world } = failure;
  for (const plan of smaller(failure.plan)) {
    const violations = await runPlan(plan, schemas, { twist, world });
    if (violations.length > 0) return shorten({ world, plan, violations }, schemas, twist);
  }
  return failure;
}

/** The plans that have a little less than this one. Each is really smaller, so shortening ends. */
export function smaller(plan: Plan): Plan[] {
  const { faults, processes, changes } = plan;
  const fewerFaults = faults.map((_fault, left) => ({ ...plan, faults: faults.filter((_other, i) => i !== left) })).reverse();
  const ofTheRest = faults.filter((fault) => !('process' in fault) || fault.process < processes - 1);
  const fewerChanges = [...new Set([Math.ceil(changes / 2), changes - 1])].filter((count) => count >= 1 && count < changes);
  return [
    ...fewerFaults,
    ...(processes > 1 ? [{ ...plan, processes: processes - 1, faults: ofTheRest }] : []),
    ...fewerChanges.map((count) => ({ ...plan, changes: count })),
  ];
}

export function describeFailure({ world, plan, violations }: Failure): string {
  const name = world === 'messaging' ? '' : `--world ${world} `;
  return [
    `seed ${plan.seed} of ${world} (${plan.broker}, ${plan.processes} processes, ${plan.changes} changes) breaks a promise:`,
    ...violations.map((violation) => `  ${violation}`),
    'faults that it takes:',
    ...(plan.faults.length === 0 ? ['  none'] : plan.faults.map((fault) => `  ${JSON.stringify(fault)}`)),
    `again: npm run simulate -- ${name}--plan '${JSON.stringify(plan)}'`,
  ].join('\n');
}
