// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext } from './support/fault';
import type { FaultLab } from './support/fault-lab';
import { hooked } from './support/hooked';
import type { ServiceProcess } from './support/service-process';
import { readTopics } from './support/topic-reader';
import { waitFor } from './support/wait';

const TOPIC = 'registry.alias.v1';
const RELAY = 'millrace-registry-relay';

/** F19: a leader that is frozen and wakes, then two relays that both believe to lead: repeats are allowed, another order is not. */
export const fault: Fault = {
  id: 'F19',
  title: 'Two relays at once: leader paused, lock stolen',
  traffic: ['aliases', 'uploads'],
  async run(context) {
    context.traffic.setRate('aliases', 10);
    for (let round = 0; round < context.rounds; round += 1) await pauseLeader(context);
    await stealLead(context);
  },
};

async function pauseLeader({ lab, traffic, fault: count, note, long }: FaultContext): Promise<void> {
  const standby = lab.replicas('registry')[1] ?? (await lab.startReplica('registry'));
  const [leader, other] = (await leads(lab.replicas('registry')[0]))
    ? [lab.replicas('registry')[0], standby]
    : [standby, lab.replicas('registry')[0]];
  const startedMs = performance.now();
  leader.kill('SIGSTOP');
  count('leader paused', { pid: leader.pid });
  // Left alone, Postgres ends the silent session after 15 s; an operator who ends it by hand is quicker.
  if (!long)
    await lab.postgres.sql(
      'registry',
      `select pg_terminate_backend(pid) from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and application_name = $1`,
      [RELAY],
    );
  await waitFor('the other relay to lead', () => leads(other));
  note('lead taken over', { seconds: (performance.now() - startedMs) / 1000 });
  await traffic.flows({ kinds: ['aliases'] });
  leader.kill('SIGCONT');
  await waitFor('the woken relay to notice that it does not lead', async () => !(await leads(leader)));
  if (!(await leads(other))) throw new Error('the new leader lost its lead to the woken one');
}

async function stealLead({ lab, traffic, workspace, fault: count, note, long }: FaultContext): Promise<void> {
  const both = lab.replicas('registry').slice(0, 2);
  for (const replica of both) await replica.restart(hooked('steal-lead'));
  await waitFor('both relays to lead', async () => (await Promise.all(both.map(leads))).every(Boolean));
  count('lead stolen');
  await traffic.flows({ kinds: ['aliases'] });
  await delay(long ? 60_000 : 8_000);
  const events = (await readTopics(lab.kafka.brokers, [TOPIC], workspace)).length;
  const repeats = events - new Set((await readTopics(lab.kafka.brokers, [TOPIC], workspace)).map(({ id }) => id)).size;
  note('two leaders', { events, repeats });
  for (const replica of both) await replica.restart({});
  await oneLeads(lab);
}

async function oneLeads(lab: FaultLab): Promise<void> {
  await waitFor('exactly one relay to lead', async () => {
    const leading = await Promise.all(lab.replicas('registry').map(leads));
    return leading.filter(Boolean).length === 1;
  });
}

/** What the process itself says. */
async function leads(replica: ServiceProcess): Promise<boolean> {
  const response = await fetch(`${replica.httpUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
  return /^millrace_registry_relay_leader_bool(\{[^}]*\})? 1$/m.test(await response.text());
}
