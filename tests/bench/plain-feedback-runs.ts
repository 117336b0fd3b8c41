// SPDX-License-Identifier: Apache-2.0
// What bench:feedback compares with: the same topic into a plain table, by kafkajs alone and through our consumer host.
import { join } from 'node:path';
import { Client } from 'pg';
import { messagingMigrations } from '#libs/messaging';
import { persistenceMigrations, runMigrations } from '#libs/persistence';
import type { TestKafka } from '#libs/testing';
import { childrenCpuSecondsOf, cpuSecondsOf, percentile, round, type BenchRig } from './bench-kit';
import { Pace, until } from './pace';
import { CREATE_PLAIN_FEEDBACK } from './plain-feedback';

export interface PlainRun {
  rate: number;
  cpuSeconds: number;
  databaseCpuSeconds: number;
}

interface PlainRuns {
  program: string;
  rows: number;
  /** How many times this was done before. */
  round: number;
}

/** One program that reads the whole topic into a plain table of a database of its own. */
async function intoPlainTable(rig: BenchRig, kafka: TestKafka, { program, rows, round }: PlainRuns): Promise<PlainRun> {
  const url = rig.postgres.url(`plain_${program.replaceAll(/\W/g, '_')}_${round}`);
  await runMigrations({ databaseUrl: url, service: 'bench', migrations: [...persistenceMigrations, ...messagingMigrations] });
  const counter = new Client({ connectionString: url });
  await counter.connect();
  await counter.query(CREATE_PLAIN_FEEDBACK);
  const running = await rig.program(join(__dirname, program), [kafka.brokers.join(), url, String(round)], {});
  const cpuBefore = cpuSecondsOf(running.pid);
  const databaseCpuBefore = childrenCpuSecondsOf(rig.postgres.pid);
  const pace = new Pace();
  await until(
    `${program} took every event`,
    async () =>
      pace.saw(Number((await counter.query<{ n: string }>('select count(*) as n from plain_feedback')).rows[0].n)) >= rows,
    120,
  );
  const cpuSeconds = cpuSecondsOf(running.pid) - cpuBefore;
  const databaseCpuSeconds = childrenCpuSecondsOf(rig.postgres.pid) - databaseCpuBefore;
  await running.stop();
  await counter.end();
  return { rate: pace.perSecond(), cpuSeconds, databaseCpuSeconds };
}

/**
 * Both programs in turns, each first every other time, so that both meet the same machine, and the middle of each figure: a run lasts
 * two or three seconds, and what else the machine does then moves it by a third.
 */
export async function plainAndHosted(rig: BenchRig, kafka: TestKafka, rows: number, rounds: number) {
  const programs = ['feedback-baseline.js', 'feedback-host.js'];
  const runs = new Map<string, PlainRun[]>(programs.map((program) => [program, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const program of round % 2 === 0 ? programs : [...programs].reverse())
      runs.get(program)?.push(await intoPlainTable(rig, kafka, { program, rows, round }));
  }
  const [plain, hosted] = [...runs.values()];
  const ratios = plain.map(({ rate }, n) => round(rate / hosted[n].rate, 2));
  return { plain: middle(plain), hosted: middle(hosted), ratios, ratio: percentile(ratios, 0.5) };
}

function middle(runs: readonly PlainRun[]): PlainRun {
  const of = (figure: keyof PlainRun): number =>
    percentile(
      runs.map((run) => run[figure]),
      0.5,
    );
  return { rate: of('rate'), cpuSeconds: of('cpuSeconds'), databaseCpuSeconds: of('databaseCpuSeconds') };
}
