// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Fault, FaultContext } from './support/fault';
import { promised } from './support/wait';

/** The services' limit for a query without any answer is 15 s. */
const QUERY_SECONDS_MAX = 15;
const PATIENCE_SECONDS = 15;

/** A profile is made of each: on a small machine they must not be what is waited for. */
const UPLOADS_PER_SECOND = 0.5;

/** F11: one database session freezes and answers nothing; its query ends by the client's own limit, and all others go on. */
export const fault: Fault = {
  id: 'F11',
  title: 'One database session frozen',
  unable: async () => (process.platform === 'linux' ? undefined : 'needs /proc to see who hung up'),
  async run(context) {
    context.traffic.setRate('uploads', UPLOADS_PER_SECOND);
    for (let round = 0; round < context.rounds; round += 1) await freezeOne(context, round);
  },
};

interface Session {
  pid: number;
  application: string;
}

async function freezeOne({ lab, traffic, fault: count, note }: FaultContext, round: number): Promise<void> {
  // The session that worked last is the next to be used, so that somebody is sure to wait for it.
  const [session] = await lab.postgres.sql<Session>(
    'monitoring',
    `select pid, application_name as application from pg_stat_activity
     where datname = current_database() and application_name like 'millrace-monitoring%' and application_name not like '%relay%'
       and state = 'idle' order by state_change desc limit 1`,
  );
  if (!session) throw new Error('monitoring has no database session');
  process.kill(session.pid, 'SIGSTOP');
  const startedMs = performance.now();
  count('session frozen', { round, ...session });
  try {
    await traffic.flows({ timeoutMs: 30_000 });
    note('others go on', { round, seconds: (performance.now() - startedMs) / 1000 });
    await promised('the client hangs up on the frozen session', () => hungUp(lab.postgres.port, session.pid), {
      timeoutMs: (QUERY_SECONDS_MAX + PATIENCE_SECONDS) * 1000,
      intervalMs: 250,
    });
    note('given up', { round, seconds: (performance.now() - startedMs) / 1000 });
  } finally {
    process.kill(session.pid, 'SIGCONT');
  }
}

const CLOSE_WAIT = '08';

/** True when the other end of that process' connection has said goodbye, which a frozen process does not notice. */
function hungUp(port: number, pid: number): boolean {
  const fds = `/proc/${pid}/fd`;
  const inodes = new Set(
    readdirSync(fds).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${fds}/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    }),
  );
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .some((fields) => inodes.has(fields[9] ?? '') && fields[1]?.endsWith(local) && fields[3] === CLOSE_WAIT);
}
