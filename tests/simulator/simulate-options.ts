// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Plan } from './faults';
import { WORLDS, type WorldName } from './run-schedules';

export interface SimulateOptions {
  world: WorldName;
  schedules?: number;
  seed: number;
  processes: number;
  plan?: Plan;
  mutants: boolean;
}

/** What was asked for makes no sense; told without a stack, and with exit code 2. */
export class BadOption extends Error {}

export function readOptions(args: readonly string[]): SimulateOptions {
  const values = parsed(args);
  const { world = 'messaging', plan } = values;
  if (!isWorld(world)) throw new BadOption(`--world is one of ${Object.keys(WORLDS).join(', ')}, not ${world}`);
  return {
    world,
    schedules: wholeNumber('schedules', values.schedules),
    seed: wholeNumber('seed', values.seed) ?? 1,
    processes: wholeNumber('processes', values.processes) ?? availableParallelism(),
    plan: plan === undefined ? undefined : readPlan(plan),
    mutants: values.mutants ?? false,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    world: text,
    schedules: text,
    seed: text,
    processes: text,
    plan: text,
    mutants: { type: 'boolean' },
  } as const;
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new BadOption((error as Error).message);
  }
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value))
    throw new BadOption(`--${name} is a whole number from 1 on, not '${text}'`);
  return value;
}

/** A plan as a failure prints it, or a file that has it. */
function readPlan(jsonOrFile: string): Plan {
  try {
    const plan = JSON.parse(existsSync(jsonOrFile) ? readFileSync(jsonOrFile, 'utf8') : jsonOrFile) as Partial<Plan>;
    const counts = [plan.seed, plan.processes, plan.changes];
    if (counts.every(Number.isSafeInteger) && Array.isArray(plan.faults)) return plan as Plan;
  } catch {
    // Neither JSON nor a file: told below.
  }
  throw new BadOption(`--plan is a plan as JSON, or a file with one, not '${jsonOrFile}'`);
}

function isWorld(name: string): name is WorldName {
  return Object.hasOwn(WORLDS, name);
}
