// SPDX-License-Identifier: Apache-2.0
// npm run simulate -- [--world messaging|intents|jobs] [--schedules N] [--seed S] [--processes P] | --plan JSON-or-file | --mutants
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_MUTANTS } from './all-mutants';
import { catchMutant, shortenMutant } from './catch-mutant';
import type { Plan } from './faults';
import { writePins, type Pin } from './pins';
import { describeFailure, runPlan, shorten, type WorldName } from './run-schedules';
import { loadSchemas } from './schemas';
import { rate, simulateMany, type Many } from './simulate-many';
import { BadOption, readOptions } from './simulate-options';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function simulate(many: Many): Promise<number> {
  const outcome = await simulateMany(many, say);
  const { failure, peakRssMb } = outcome;
  const figures = `${rate(outcome)}, ${many.processes} processes, peak RSS of one ${Math.round(peakRssMb)} MB`;
  if (failure) {
    say(describeFailure(await shorten(failure, await loadSchemas())));
    say(`stopped after ${figures}`);
    return 1;
  }
  say(`every promise held from seed ${many.seed} on: ${figures}`);
  return 0;
}

async function runOne(world: WorldName, plan: Plan): Promise<number> {
  const violations = await runPlan(plan, await loadSchemas(), { world });
  say(violations.length > 0 ? describeFailure({ world, plan, violations }) : 'every promise held');
  return violations.length > 0 ? 1 : 0;
}

/** Breaks the code in each way; writes the table of README.md and the pinned plans. */
async function mutants(schedules: number): Promise<number> {
  const schemas = await loadSchemas();
  const rows = ['| mutation | caught after schedules | what the checker said |', '|---|---:|---|'];
  const pins: Pin[] = [];
  for (const mutant of ALL_MUTANTS) {
    const failure = await catchMutant(mutant, schemas, schedules);
    const said = failure?.violations[0].replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '…') ?? `MISSED in ${schedules}`;
    rows.push(`| ${mutant.name} | ${failure?.plan.seed ?? '-'} | ${said} |`);
    say(rows.at(-1) ?? '');
    if (failure) pins.push({ mutation: mutant.name, plan: (await shortenMutant(mutant, failure, schemas)).plan });
  }
  writeTable(rows.join('\n'));
  writePins(pins);
  return pins.length === ALL_MUTANTS.length ? 0 : 1;
}

function writeTable(table: string): void {
  const path = join(process.cwd(), 'tests/simulator/README.md');
  const page = readFileSync(path, 'utf8');
  writeFileSync(path, page.replace(/(<!-- mutants -->\n)[\s\S]*(<!-- \/mutants -->)/, `$1${table}\n$2`));
}

async function main(): Promise<number> {
  const { world, seed, processes, plan, ...options } = readOptions(process.argv.slice(2));
  if (options.mutants) return mutants(options.schedules ?? 20_000);
  if (plan) return runOne(world, plan);
  return simulate({ world, seed, processes, schedules: options.schedules ?? 1_000 });
}

// The launcher imports this file: it runs whenever it is loaded.
void main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const bad = error instanceof BadOption;
    process.stderr.write(`${bad ? error.message : String((error as Error).stack)}\n`);
    process.exitCode = bad ? 2 : 1;
  },
);
