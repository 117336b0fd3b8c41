// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './support/fault';

const SECONDS = { short: 15, long: 60 };

/** F10: every second some database sessions of the services end without a word of warning, whatever they are doing. */
export const fault: Fault = {
  id: 'F10',
  title: 'Database sessions terminated at random every second',
  async run({ lab, traffic, random, rounds, long, fault: count }) {
    traffic.setRate('uploads', 0.5);
    const endMs = performance.now() + rounds * (long ? SECONDS.long : SECONDS.short) * 1000;
    let ended = 0;
    while (performance.now() < endMs) {
      await delay(500 + 1_000 * random());
      const victims = await lab.postgres.sql<{ application: string; state: string }>(
        'postgres',
        `with victims as materialized (
           select pid, application_name as application, state from pg_stat_activity
           where backend_type = 'client backend' and datname like 'millrace\\_%' and application_name <> 'millrace-fault-lab'
           order by (state <> 'idle') desc, random() limit $1)
         select application, state from victims where pg_terminate_backend(pid)`,
        [1 + Math.floor(4 * random())],
      );
      ended += victims.length;
      count('sessions terminated', { victims });
    }
    if (ended === 0) throw new Error('no session was found to terminate');
    const dead = lab.allReplicas().filter(({ isRunning }) => !isRunning);
    if (dead.length > 0) throw new Error(`${dead.map(({ service }) => service).join(', ')} ended`);
    await traffic.flows({ timeoutMs: 30_000 });
  },
};
