// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { REACHED } from './failpoints';
import type { Fault, FaultContext } from './support/fault';
import type { FaultLab } from './support/fault-lab';
import { viewGroup } from './support/groups';
import { sumOfMetric } from './support/metrics';
import type { ServiceProcess } from './support/service-process';
import { promised, waitFor } from './support/wait';

const GROUP = 'monitoring.feedback';
const PARTITIONS = 6;
/** As the lab sets KAFKA_SESSION_SECONDS. */
const SESSION_SECONDS = 10;
/** Longer than a session of the lab's consumers and than Postgres lets a transaction sit idle (15 s). */
const FROZEN_SECONDS = 20;
const FROZEN_SECONDS_LONG = 60;

/**
 * F5: a consumer is frozen inside the transaction of an effect, right before COMMIT: its events are handled by others meanwhile, and
 * what the zombie writes when it wakes must lose.
 */
export const fault: Fault = {
  id: 'F5',
  title: 'Consumer frozen in its transaction, then woken',
  async run(context) {
    for (let round = 0; round < context.rounds; round += 1) await freeze(context, round);
  },
};

async function freeze(context: FaultContext, round: number): Promise<void> {
  const { lab, traffic, long, fault: count, note } = context;
  const zombie = await freezeInTransaction(lab, round);
  const frozenMs = performance.now();
  const seconds = (): number => (performance.now() - frozenMs) / 1000;
  const ids = idsAtStake(zombie);
  assert.ok(ids.length > 0, 'events of the frozen transaction');
  count('frozen before COMMIT', { round, pid: zombie.pid, events: ids.length });
  const session = await openTransaction(lab);
  await promised(
    'the others take over',
    async () => {
      const { shares, partitions } = await viewGroup(lab.kafka.brokers, GROUP);
      return shares.length === 1 && partitions === PARTITIONS;
    },
    { timeoutMs: (SESSION_SECONDS + 10) * 1000 },
  );
  note('taken over', { round, seconds: seconds() });
  await delay(Math.max(0, (long ? FROZEN_SECONDS_LONG : FROZEN_SECONDS) * 1000 - (performance.now() - frozenMs)));
  // Both before it wakes: its transaction can commit nothing any more, and whatever else it writes of these events would be a double.
  assert.deepEqual(await sessionsLike(lab, session), [], 'sessions of the frozen transaction');
  await waitFor('the others to handle its events', async () => everyOnce(context, ids), { timeoutMs: 30_000 });
  const mark = zombie.output.length;
  zombie.kill('SIGCONT');
  await waitFor('the zombie to be one of them again', async () => (await sharing(lab)) === 2 && zombie.isRunning);
  await traffic.flows({ kinds: ['feedback'] });
  assert.ok(await everyOnce(context, ids), 'each event of the zombie took effect once');
  const lost = failures(zombie.output.slice(mark));
  const duplicates = await sumOfMetric(zombie.httpUrl, 'inbox_duplicates_total');
  note('woken', { round, lost, duplicates });
  assert.ok(
    lost + duplicates > 0,
    'the zombie noticed that its write had lost: a broken session, or events that were handled already',
  );
  assert.ok(zombie.isRunning, 'the zombie goes on in order after it woke');
  await zombie.stop();
}

/** A second member of the group that stops itself with an effect written and not committed. It hears no HTTP request. */
async function freezeInTransaction(lab: FaultLab, round: number): Promise<ServiceProcess> {
  const armed = join(lab.directory, `armed-${round}`);
  const zombie = await lab.startReplica('monitoring', {
    takesTraffic: false,
    env: {
      NODE_OPTIONS: `--require ${join(__dirname, 'failpoints.js')}`,
      MILLRACE_FAILPOINT: 'before-effect-commit',
      MILLRACE_FAILPOINT_CONSUMER: GROUP,
      MILLRACE_FAILPOINT_ARMED: armed,
      MILLRACE_FAILPOINT_SIGNAL: 'SIGSTOP',
    },
  });
  await waitFor('two members with partitions', async () => (await sharing(lab)) === 2);
  writeFileSync(armed, '');
  await waitFor('the consumer to freeze', () => zombie.output.includes(REACHED));
  return zombie;
}

/** Members of the group with a share of its partitions. */
async function sharing(lab: FaultLab): Promise<number> {
  return (await viewGroup(lab.kafka.brokers, GROUP)).shares.filter((share) => share > 0).length;
}

/** Ids of the events in the frozen transaction: the last part of their inbox keys. */
function idsAtStake(zombie: ServiceProcess): string[] {
  const line = zombie.output.split('\n').find((each) => each.includes(REACHED)) ?? '';
  const keys = JSON.parse(line.slice(line.indexOf('['))) as string[];
  return keys.map((key) => key.slice(key.lastIndexOf('|') + 1));
}

interface Session {
  pid: number;
  started: string;
}

const SESSIONS = `select pid, backend_start::text as started from pg_stat_activity where datname = current_database()`;

/** The session of the frozen consumer: nobody else leaves a transaction idle for a second. */
async function openTransaction(lab: FaultLab): Promise<Session> {
  return waitFor('the transaction of the frozen consumer', async () => {
    const sql = `${SESSIONS} and state = 'idle in transaction' and state_change < clock_timestamp() - interval '1 second'`;
    const [session] = await lab.postgres.sql<Session>('monitoring', sql);
    return session;
  });
}

function sessionsLike(lab: FaultLab, { pid, started }: Session): Promise<Session[]> {
  return lab.postgres.sql<Session>('monitoring', `${SESSIONS} and pid = $1 and backend_start = $2::timestamptz`, [pid, started]);
}

async function everyOnce({ lab, workspace }: FaultContext, ids: readonly string[]): Promise<boolean> {
  const rows = await lab.postgres.sql<{ id: string }>(
    'monitoring',
    'select source_id as id from feedback where workspace = $1 and source_id = any($2)',
    [workspace, ids],
  );
  return rows.length === ids.length && new Set(rows.map(({ id }) => id)).size === ids.length;
}

/** Times that the consumer told of a database session that was gone. */
function failures(output: string): number {
  return output.split('\n').filter((line) => line.includes(GROUP) && /PERSISTENCE\.|Connection terminated/.test(line)).length;
}
