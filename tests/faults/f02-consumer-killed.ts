// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { REACHED } from './failpoints';
import type { Fault, FaultContext } from './support/fault';
import { viewGroup } from './support/groups';
import { sumOfMetric } from './support/metrics';
import { promised, waitFor } from './support/wait';

/** As the lab sets KAFKA_SESSION_SECONDS. */
const SESSION_SECONDS = 10;
const GROUP = 'monitoring.feedback';
const PARTITIONS = 6;
/** Effects after which it is killed: some seconds of work as a member, so that the group is seen with both before. */
const EFFECTS_FIRST = 20;

/**
 * F2: one of two consumers is killed under load, between an effect and the commit of its offset; the other one has all partitions
 * within the session timeout and ten seconds, and gets what was handled already once more. That it has no second effect is the
 * checker's to say.
 */
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
  const [first, second] = lab.replicas('monitoring');
  const [victim, survivor] = random() < 0.5 ? [first, second] : [second, first];
  await traffic.flows({ kinds: ['feedback'] });
  const seen = victim.output.split(REACHED).length;
  await victim.stop();
  await victim.relaunch({
    NODE_OPTIONS: `--require ${join(__dirname, 'failpoints.js')}`,
    MILLRACE_FAILPOINT: 'after-effect-before-offset-commit',
    MILLRACE_FAILPOINT_PASS: String(EFFECTS_FIRST + Math.floor(random() * 10)),
  });
  await waitFor('two members with partitions', async () => (await group()).shares.filter((share) => share > 0).length === 2);
  await waitFor('the consumer to die after an effect', () => !victim.isRunning);
  const startedMs = performance.now();
  if (victim.output.split(REACHED).length <= seen) throw new Error(`it ended otherwise:\n${victim.output.slice(-2_000)}`);
  count('consumer killed', { round, pid: victim.pid });
  // Before the session of the dead one is over the survivor cannot have got what was its.
  const repeatsBefore = await repeatsAt(survivor.httpUrl);
  await promised(
    'the other one takes over',
    async () => {
      const { shares, partitions } = await group();
      return shares.length === 1 && partitions === PARTITIONS;
    },
    { timeoutMs: (SESSION_SECONDS + 10) * 1000 },
  );
  note('taken over', { round, seconds: (performance.now() - startedMs) / 1000 });
  const repeats = await waitFor('the survivor to meet what was handled already', async () => {
    const more = (await repeatsAt(survivor.httpUrl)) - repeatsBefore;
    return more > 0 && more;
  });
  note('handled events that came again', { round, repeats });
  await victim.restart({});
}

/** Events that the consumers of this process found handled already, by the inbox or by a handler's own keys. */
function repeatsAt(httpUrl: string): Promise<number> {
  return sumOfMetric(httpUrl, 'inbox_duplicates_total');
}
