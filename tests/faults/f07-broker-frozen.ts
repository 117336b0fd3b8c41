// SPDX-License-Identifier: Apache-2.0
import type { Fault, FaultContext } from './support/fault';
import { outboxesEmpty } from './support/fault-lab';
import { sumOfMetric } from './support/metrics';
import { promised } from './support/wait';

/** Two tries of ten seconds, what kafkajs waits in between, and patience for a loaded machine. */
const PUBLISH_SECONDS_MAX = 60;
const HEAP_GROWTH_MB_MAX = 64;
const MB = 1024 * 1024;
const senders = ['ingestion', 'gateway'] as const;

/** A profile is made of each: on a small machine they must not be what is waited for. */
const UPLOADS_PER_SECOND = 0.5;

/** F7: the broker is frozen: it accepts connections and never answers. Sends time out and do not pile up; the doors go on. */
export const fault: Fault = {
  id: 'F7',
  title: 'Broker frozen: accepts and never answers',
  async run(context) {
    context.traffic.setRate('uploads', UPLOADS_PER_SECOND);
    for (let round = 0; round < context.rounds; round += 1) await freeze(context, round);
  },
};

async function freeze({ lab, traffic, fault: count, note }: FaultContext, round: number): Promise<void> {
  const failures = async (): Promise<number[]> =>
    Promise.all(senders.map((service) => sumOfMetric(lab.http(service), 'relay_failures_total')));
  const before = await failures();
  const heap = await heapOf(lab.http('gateway'));
  lab.kafka.signal('SIGSTOP');
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1000;
  count('broker frozen', { round });
  try {
    await promised(
      'every sender gives up a send',
      async () => (await failures()).every((failed, index) => failed > (before[index] ?? 0)),
      { timeoutMs: PUBLISH_SECONDS_MAX * 1000, intervalMs: 500 },
    );
    note('publish timed out', { round, seconds: seconds() });
    await traffic.flows({ kinds: ['uploads', 'inferences', 'aliases'], timeoutMs: 20_000 });
    for (const service of lab.services) {
      const live = await fetch(`${lab.http(service)}/health/live`, { signal: AbortSignal.timeout(5_000) });
      if (live.status !== 200) throw new Error(`${service} calls itself dead because the broker is frozen: ${live.status}`);
    }
    const grown = (await heapOf(lab.http('gateway'))) - heap;
    note('heap', { round, grownMb: grown / MB });
    if (grown > HEAP_GROWTH_MB_MAX * MB) throw new Error(`the heap of the gateway grew by ${Math.round(grown / MB)} MB`);
  } finally {
    lab.kafka.signal('SIGCONT');
  }
  const thawedMs = performance.now();
  await outboxesEmpty(lab, 60_000);
  note('drained', { round, seconds: (performance.now() - thawedMs) / 1000 });
}

function heapOf(url: string): Promise<number> {
  return sumOfMetric(url, 'nodejs_heap_size_used_bytes');
}
