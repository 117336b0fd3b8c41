// SPDX-License-Identifier: Apache-2.0
import type { Fault, FaultContext } from './support/fault';
import { viewGroup } from './support/groups';
import { promised, waitFor } from './support/wait';

/** As the lab sets KAFKA_SESSION_SECONDS. */
const SESSION_SECONDS = 10;
const GROUP = 'monitoring.feedback';
const PARTITIONS = 6;

/** F2: one of two consumers is killed under load; the other one has all partitions within the session timeout and ten seconds. */
export const fault: Fault = {
  id: 'F2',
  title: 'One of two consumers killed under load',
  async run(context) {
    await context.lab.startReplica('monitoring');
    for (let round = 0; round < context.rounds; round += 1) await killOne(context, round);
  },
};

async function killOne({ lab, traffic, fault: count, note, random }: FaultContext, round: number): Promise<void> {
  const group = () => viewGroup(lab.kafka.brokers, GROUP);
  await waitFor('two members with partitions', async () => (await group()).shares.filter((share) => share > 0).length === 2);
  await traffic.flows({ kinds: ['feedback'] });
  const victim = lab.replicas('monitoring')[random() < 0.5 ? 0 : 1];
  const startedMs = performance.now();
  victim.kill('SIGKILL');
  await victim.ended;
  count('consumer killed', { round, pid: victim.pid });
  await promised(
    'the other one takes over',
    async () => {
      const { shares, partitions } = await group();
      return shares.length === 1 && partitions === PARTITIONS;
    },
    { timeoutMs: (SESSION_SECONDS + 10) * 1000 },
  );
  note('taken over', { round, seconds: (performance.now() - startedMs) / 1000 });
  await victim.restart();
}
