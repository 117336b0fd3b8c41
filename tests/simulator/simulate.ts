// SPDX-License-Identifier: Apache-2.0
// npm run simulate -- [--world messaging|intents|jobs] [--schedules N] [--seed S] | --mutants [--schedules N]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { catchMutant } from './catch-mutant';
import { INTENT_MUTANTS } from './intents-mutants';
import { JOB_MUTANTS } from './jobs-mutants';
import { MUTANTS } from './mutants';
import { describeFailure, firstFailure, shorten, WORLDS } from './run-schedules';
import { loadSchemas, type Schemas } from './schemas';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Range {
  world: keyof typeof WORLDS;
  seed: number;
  schedules: number;
}

async function simulate(schemas: Schemas, { world, seed, schedules }: Range): Promise<number> {
  const startMs = performance.now();
  const onSchedule = (done: number): void => {
    if (done % 1_000 === 0) say(`${done} schedules, ${Math.round((performance.now() - startMs) / 1_000)} s`);
  };
  const run = WORLDS[world];
  const failure = await firstFailure({ seed, schedules }, schemas, { onSchedule, run });
  if (failure) {
    say(describeFailure(await shorten(failure, schemas, { run })));
    if (world !== 'messaging') say(`with --world ${world}`);
    return 1;
  }
  say(`${schedules} schedules from seed ${seed}: every promise held`);
  return 0;
}

async function mutants(schemas: Schemas, schedules: number): Promise<number> {
  const rows = ['| mutation | caught after schedules | what the checker said |', '|---|---:|---|'];
  let missed = 0;
  for (const mutant of [...MUTANTS, ...INTENT_MUTANTS, ...JOB_MUTANTS]) {
    const failure = await catchMutant(mutant, schemas, schedules);
    if (!failure) missed += 1;
    const said = failure?.violations[0].replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '…') ?? `MISSED in ${schedules}`;
    rows.push(`| ${mutant.name} | ${failure?.plan.seed ?? '-'} | ${said} |`);
    say(rows.at(-1) ?? '');
  }
  writeTable(rows.join('\n'));
  return missed === 0 ? 0 : 1;
}

function writeTable(table: string): void {
  const path = join(process.cwd(), 'tests/simulator/README.md');
  const page = readFileSync(path, 'utf8');
  writeFileSync(path, page.replace(/(<!-- mutants -->\n)[\s\S]*(<!-- \/mutants -->)/, `$1${table}\n$2`));
}

function isWorld(name: string): name is keyof typeof WORLDS {
  return Object.hasOwn(WORLDS, name);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      world: { type: 'string', default: 'messaging' },
      schedules: { type: 'string' },
      seed: { type: 'string' },
      mutants: { type: 'boolean', default: false },
    },
  });
  const { world } = values;
  if (!isWorld(world)) throw new Error(`--world is one of ${Object.keys(WORLDS).join(', ')}, not ${world}`);
  const schemas = await loadSchemas();
  if (values.mutants) return mutants(schemas, Number(values.schedules ?? 20_000));
  return simulate(schemas, { world, seed: Number(values.seed ?? 1), schedules: Number(values.schedules ?? 1_000) });
}

// The launcher imports this file: it runs whenever it is loaded.
void main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    say(String((error as Error).stack));
    process.exitCode = 1;
  },
);
