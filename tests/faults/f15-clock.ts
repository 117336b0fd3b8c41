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

/** F15: the wall clock of one service jumps by hours and drifts; durations, leases, retries and the order of ids do not mind. */
export const fault: Fault = {
  id: 'F15',
  title: 'Wall clock of one service steps by an hour both ways, then drifts by 10 %',
  unable: () => Promise.resolve(libfaketime() === undefined ? 'libfaketime is not installed (package faketime)' : undefined),
  async run(context) {
    context.traffic.setRate('jobs', 0.15);
    const victims = context.long ? VICTIMS : [VICTIMS[Math.floor(context.random() * VICTIMS.length)]];
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
    await waitFor('the clock to be wrong', async () => clockIs(setting, (await lateBySeconds(replica.httpUrl)) ?? 0));
    count('clock set', { victim, setting });
    const startedMs = performance.now();
    await delay(long ? 60_000 : 3_000);
    await traffic.flows({ kinds: ['feedback', 'uploads', 'inferences', 'aliases'] });
    note('flows with this clock', { victim, setting, seconds: (performance.now() - startedMs) / 1000 });
    assert.ok(replica.isRunning, `${victim} ended with its clock at ${setting}`);
    await replica.ready(30_000);
  }
  await assertOrderOfIds(context, victim);
  await replica.restart({});
}

/** The answer's Date header says what time the service believes it is. */
async function lateBySeconds(httpUrl: string): Promise<number | undefined> {
  const response = await fetch(`${httpUrl}/health/live`, { signal: AbortSignal.timeout(5_000) });
  await response.text();
  const date = response.headers.get('date');
  return date === null ? undefined : (Date.parse(date) - Date.now()) / 1000;
}

function clockIs(setting: string, lateSeconds: number): boolean {
  if (setting.includes('x')) return Math.abs(lateSeconds) < 60;
  return Math.abs(lateSeconds - Number(setting)) < 60;
}

/** Ids made by one process sort as they were made, whatever its clock did: per aggregate that is the order of the versions. */
async function assertOrderOfIds({ lab, workspace, note }: FaultContext, victim: ServiceName): Promise<void> {
  const [row] = await lab.postgres.sql<{ events: number; wrong: number }>(
    victim,
    `select count(*)::int as events, count(*) filter (where before is not null and before >= id)::int as wrong from (
       select id, lag(id) over (partition by topic, aggregateid order by position) as before from outbox
       where workspace = $1 and created_at > (select min(created_at) from outbox where workspace = $1)) as pairs`,
    [workspace],
  );
  note('ids of events', { victim, ...row });
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
