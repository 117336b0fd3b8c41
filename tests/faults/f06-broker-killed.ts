// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import { outboxesEmpty, type FaultLab } from './support/fault-lab';
import { promised } from './support/wait';

const AWAY_SECONDS = { short: 8, long: 300 };
/** Events that waited must be out that soon after the broker is back. */
const DRAIN_SECONDS_MAX = 30;

/** A profile is made of each: on a small machine they must not be what is waited for. */
const UPLOADS_PER_SECOND = 0.5;

/** F6: the broker is killed and started on its log; then it stays away for long, while the doors go on and the outboxes fill. */
export const fault: Fault = {
  id: 'F6',
  title: 'Broker killed and restarted; then away for long',
  async run(context) {
    context.traffic.setRate('uploads', UPLOADS_PER_SECOND);
    for (let round = 0; round < context.rounds; round += 1) {
      await killAndRestart(context, round);
      await stayAway(context, round);
    }
  },
};

async function killAndRestart({ lab, traffic, fault: count }: FaultContext, round: number): Promise<void> {
  await lab.kafka.kill();
  count('broker killed', { round });
  await lab.kafka.start();
  await traffic.flows();
}

async function stayAway({ lab, traffic, fault: count, note, long }: FaultContext, round: number): Promise<void> {
  const seconds = long ? AWAY_SECONDS.long : AWAY_SECONDS.short;
  await lab.kafka.kill();
  count('broker away', { round, seconds });
  await delay(seconds * 1000);
  // What is accepted needs no broker: it is in Postgres, and its events wait there. (Jobs are rare; uploads stand for them.)
  await traffic.flows({ kinds: ['uploads', 'inferences', 'aliases'], timeoutMs: 20_000 });
  const waiting = await waitingEvents(lab);
  if (waiting === 0) throw new Error('no event waits in any outbox although the broker is away');
  const startedMs = performance.now();
  await lab.kafka.start();
  await outboxesEmpty(lab, DRAIN_SECONDS_MAX * 1000, promised);
  note('drained', { round, waiting, seconds: (performance.now() - startedMs) / 1000 });
}

/** Events that are committed and not sent, over all services. */
export async function waitingEvents(lab: FaultLab): Promise<number> {
  const counts = await Promise.all(
    lab.services
      .filter((name): name is ServiceName => name !== 'runtime')
      .map((service) =>
        lab.postgres.sql<{ n: number }>(service, 'select count(*)::int as n from outbox where published_at is null'),
      ),
  );
  return counts.reduce((sum, [row]) => sum + row.n, 0);
}
