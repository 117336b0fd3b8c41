// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext } from './support/fault';
import type { FaultLab } from './support/fault-lab';
import { hooked } from './support/hooked';
import type { ServiceProcess } from './support/service-process';
import { readTopics } from './support/topic-reader';
import { waitFor } from './support/wait';

const TOPIC = 'registry.alias.v1';
/** A leader may be silent for 15 s, then Postgres ends its session; others ask for the lead every 2 s. The rest is a busy machine. */
const TAKEOVER_SECONDS_MAX = 25;

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

async function pauseLeader({ lab, traffic, fault: count, note }: FaultContext): Promise<void> {
  const standby = lab.replicas('registry')[1] ?? (await lab.startReplica('registry'));
  const [leader, other] = (await leads(lab.replicas('registry')[0]))
    ? [lab.replicas('registry')[0], standby]
    : [standby, lab.replicas('registry')[0]];
  const startedMs = performance.now();
  leader.kill('SIGSTOP');
  count('leader paused', { pid: leader.pid });
  await waitFor('the other relay to lead', () => leads(other), { timeoutMs: TAKEOVER_SECONDS_MAX * 1000 });
  note('lead taken over', { seconds: (performance.now() - startedMs) / 1000 });
  await traffic.flows({ kinds: ['aliases'] });
  leader.kill('SIGCONT');
  await waitFor('the woken relay to notice that it does not lead', async () => !(await leads(leader)));
  if (!(await leads(other))) throw new Error('the new leader lost its lead to the woken one');
}

async function stealLead({ lab, traffic, workspace, fault: count, note, long }: FaultContext): Promise<void> {
  const both = lab.replicas('registry').slice(0, 2);
  const idsBefore = (await readTopics(lab.kafka.brokers, [TOPIC], workspace)).map(({ id }) => id);
  const repeatsBefore = idsBefore.length - new Set(idsBefore).size;
  for (const replica of both) await replica.restart(hooked('steal-lead'));
  await waitFor('both relays to lead', async () => (await Promise.all(both.map(leads))).every(Boolean));
  count('lead stolen');
  await traffic.flows({ kinds: ['aliases'] });
  await delay(long ? 60_000 : 8_000);
  // Repeats show that both did send; that they are not in another order is the checker's to say.
  await waitFor('an event that both have sent', async () => {
    const ids = (await readTopics(lab.kafka.brokers, [TOPIC], workspace)).map(({ id }) => id);
    const repeats = ids.length - new Set(ids).size;
    note('two leaders', { events: ids.length, repeats });
    return repeats > repeatsBefore;
  });
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
