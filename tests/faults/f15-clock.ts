// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import { waitFor } from './support/wait';

/** One service at a time has a wrong clock; these have leases, approvals and due times, and relays and consumers as all do. */
const VICTIMS: ServiceName[] = ['training', 'monitoring', 'registry'];
/** In libfaketime's words: steps of an hour, and a clock that is 10 % too fast. */
const CLOCKS = ['+3600', '-3600', '+0 x1.1'];
/** Seconds of the wrong clock by which its rate is measured. */
const TICKS = 8;
const RATE_TOLERANCE = 0.05;

/** F15: the wall clock of one service jumps by hours and drifts; durations, leases, retries and the order of ids do not mind. */
export const fault: Fault = {
  id: 'F15',
  title: 'Wall clock of one service steps by an hour both ways, then drifts by 10 %',
  unable: () => Promise.resolve(libfaketime() === undefined ? 'libfaketime is not installed (package faketime)' : undefined),
  async run(context) {
    context.traffic.setRate('jobs', 0.15);
    // Training always: its leases are what a wrong clock would break first.
    const victims = context.long ? VICTIMS : (['training', context.random() < 0.5 ? 'monitoring' : 'registry'] as const);
    for (let round = 0; round < context.rounds; round += 1) {
      for (const victim of victims) await bend(context, victim);
    }
  },
};

async function bend(context: FaultContext, victim: ServiceName): Promise<void> {
  const { lab, traffic, long, note, fault: count } = context;
  const replica = lab.replicas(victim)[0];
  const clock = join(lab.directory, `clock-of-${victim}`);
  writeFileSync(clock, '+0');
  await replica.restart({
    LD_PRELOAD: libfaketime() as string,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    // A step of the wall clock leaves the monotonic clock alone, as in life.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  });
  for (const setting of CLOCKS) {
    writeFileSync(clock, setting);
    await waitFor('the clock to be wrong', async () =>
      clockIs(setting, ((await believedMs(replica.httpUrl)) - Date.now()) / 1000),
    );
    count('clock set', { victim, setting });
    const startedMs = performance.now();
    const rate = await rateOf(replica.httpUrl);
    const wanted = setting.includes('x') ? Number(setting.split('x')[1]) : 1;
    assert.ok(
      Math.abs(rate - wanted) <= RATE_TOLERANCE,
      `the clock of ${victim} at ${setting} runs ${rate} times as fast as ours`,
    );
    if (long) await delay(60_000);
    await traffic.flows({ kinds: ['feedback', 'uploads', 'inferences', 'aliases'] });
    await jobSucceeds(context, startedMs);
    note('flows with this clock', { victim, setting, rate, seconds: (performance.now() - startedMs) / 1000 });
    assert.ok(replica.isRunning, `${victim} ended with its clock at ${setting}`);
    await replica.ready(30_000);
  }
  await assertOrderOfIds(context, victim);
  await replica.restart({});
}

/** What time the service believes it is, as its answer's Date header says: whole seconds. */
async function believedMs(httpUrl: string): Promise<number> {
  const response = await fetch(`${httpUrl}/health/live`, { signal: AbortSignal.timeout(5_000) });
  await response.text();
  const date = response.headers.get('date');
  assert.ok(date, 'an answer without a Date header');
  return Date.parse(date);
}

/** How fast its clock runs against ours: by the moments at which it shows a new second. */
async function rateOf(httpUrl: string): Promise<number> {
  const ticks: { believed: number; atMs: number }[] = [];
  let last = await believedMs(httpUrl);
  await waitFor(
    'the clock to tick',
    async () => {
      const believed = await believedMs(httpUrl);
      if (believed !== last) ticks.push({ believed, atMs: performance.now() });
      last = believed;
      return ticks.length > TICKS;
    },
    { intervalMs: 10 },
  );
  const [first, end] = [ticks[0], ticks[ticks.length - 1]];
  return (end.believed - first.believed) / (end.atMs - first.atMs);
}

/** A job that was sent since then comes to its good end: submitted, leased, trained, told. */
async function jobSucceeds({ lab, traffic, workspace }: FaultContext, sinceMs: number): Promise<void> {
  await traffic.flows({ kinds: ['jobs'] });
  const ids = traffic
    .acknowledged('jobs')
    .filter((operation) => operation.startedMs >= sinceMs)
    .map((operation) => operation.ids.jobId);
  await waitFor('a job of this time to succeed', async () => {
    const text = `select id::text as id, state from jobs where workspace = $1 and id::text = any($2)`;
    const jobs = await lab.postgres.sql<{ id: string; state: string }>('training', text, [workspace, ids]);
    if (jobs.some(({ state }) => state === 'succeeded')) return true;
    throw new Error(JSON.stringify(jobs));
  });
}

function clockIs(setting: string, lateSeconds: number): boolean {
  if (setting.includes('x')) return Math.abs(lateSeconds) < 60;
  return Math.abs(lateSeconds - Number(setting)) < 60;
}

/** Ids made by one process sort as they were made, whatever its clock did: per aggregate that is the order of the versions. */
async function assertOrderOfIds({ lab, workspace, note }: FaultContext, victim: ServiceName): Promise<void> {
  const [row] = await lab.postgres.sql<{ events: number; pairs: number; wrong: number }>(
    victim,
    `select count(*)::int as events, count(before)::int as pairs, count(*) filter (where before >= id)::int as wrong from (
       select id, lag(id) over (partition by topic, aggregateid order by position) as before from outbox
       where workspace = $1 and created_at > (select min(created_at) from outbox where workspace = $1)) as pairs`,
    [workspace],
  );
  note('ids of events', { victim, ...row });
  assert.ok(row.events > 0, `${victim} told of nothing meanwhile`);
  // Feedback is told of once; jobs and aliases again and again.
  assert.ok(row.pairs > 0 || victim === 'monitoring', `no two events of ${victim} are of the same aggregate`);
  assert.equal(row.wrong, 0, `${row.wrong} of ${row.events} events of ${victim} have an id that sorts before its predecessor's`);
}

let found: string | undefined;

/** Path of the library, as the faketime program itself would preload it. */
function libfaketime(): string | undefined {
  try {
    found ??= execFileSync('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' }).trim().split(/[ :]/)[0];
  } catch {
    return undefined; // not installed: the caller says so
  }
  return found.replace('libfaketime.so', 'libfaketimeMT.so');
}
