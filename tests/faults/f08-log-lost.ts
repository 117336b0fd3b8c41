// SPDX-License-Identifier: Apache-2.0
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Product, eventHeaders } from './support/product';
import type { Fault, FaultContext } from './support/fault';
import { sumOfMetric } from './support/metrics';
import { waitFor } from './support/wait';

const TOPIC = 'feedback.v1';
const EVENTS = 24;
const SECONDS_MAX = 120;

/**
 * F8: the broker loses the log of a topic: loud, and never a silent skip to the latest. Not covered, because kafkajs cannot see it
 * (its fetch knows topics by name only): a topic that is deleted, made anew and filled beyond the old positions within seconds, under
 * a running consumer. Stop the consumers before making a topic anew.
 */
export const fault: Fault = {
  id: 'F8',
  title: 'Log of a topic lost: positions that do not exist any more',
  // A platform of its own: the topic of this one is not what it was afterwards. (Topics that services write are not harmed: what
  // a broker loses after it has acknowledged it is lost to everybody. The question is what the reader does.)
  ownLab: { services: ['monitoring', 'ingestion'] },
  traffic: ['uploads'],
  async run(context) {
    const product = new Product(() => context.lab.kafka.brokers);
    try {
      for (let round = 0; round < context.rounds; round += 1) {
        await send(context, product, `before-${round}`);
        await truncate(context, product, round);
      }
    } finally {
      await product.close();
    }
  },
};

async function truncate(context: FaultContext, product: Product, round: number): Promise<void> {
  const { lab, fault: count, note } = context;
  const before = await resets(context);
  await lab.kafka.kill();
  const folder = join(lab.kafka.dataDir, 'log');
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`${TOPIC}-`)) rmSync(join(folder, name), { recursive: true });
  }
  for (const name of ['recovery-point-offset-checkpoint', 'replication-offset-checkpoint', 'log-start-offset-checkpoint'])
    rmSync(join(folder, name), { force: true });
  count('log truncated', { round, topic: TOPIC });
  const startedMs = performance.now();
  await lab.kafka.start();
  await waitFor('monitoring to notice that its positions are gone', async () => (await resets(context)) > before, {
    timeoutMs: SECONDS_MAX * 1000,
    intervalMs: 500,
  });
  note('noticed', { round, seconds: (performance.now() - startedMs) / 1000 });
  const loud = lab
    .replicas('monitoring')[0]
    ?.output.split('\n')
    .some((line) => isLoud(line));
  if (!loud) throw new Error('monitoring did not say at level error that its position was lost');
  await send(context, product, `after-truncation-${round}`);
}

/** Sends feedback and waits until monitoring has every one of them, once. */
async function send({ lab, workspace, note }: FaultContext, product: Product, name: string): Promise<void> {
  const ids = Array.from({ length: EVENTS }, (_, index) => `${workspace}-${name}-${index}`);
  const body = { target: { kind: 'inference', id: `unheard-of-${name}` }, metric: 'correct', value: true };
  const startedMs = performance.now();
  await waitFor('the broker to take feedback', async () => {
    const messages = ids.map((id) => ({
      key: id,
      headers: eventHeaders({ id, source: '/faults/product', type: 'millrace.feedback.v1', workspace }),
      value: JSON.stringify({ ...body, rater: { id: `rater-${id}`, kind: 'human_end_user' } }),
    }));
    await product.send(TOPIC, messages);
    return true;
  });
  await waitFor(
    `the feedback of ${name}`,
    async () => {
      const rows = await lab.postgres.sql<{ id: string }>('monitoring', FEEDBACK, [workspace, ids]);
      if (rows.length !== EVENTS) throw new Error(`monitoring has ${rows.length} of ${EVENTS}`);
      return new Set(rows.map(({ id }) => id)).size === EVENTS;
    },
    { timeoutMs: SECONDS_MAX * 1000, intervalMs: 250 },
  );
  note('read', { name, seconds: (performance.now() - startedMs) / 1000 });
}

const FEEDBACK = 'select source_id as id from feedback where workspace = $1 and source_id = any($2)';

function resets({ lab }: FaultContext): Promise<number> {
  return sumOfMetric(lab.http('monitoring'), 'consumer_offset_resets_count');
}

function isLoud(line: string): boolean {
  return line.includes('"level":"error"') && line.includes('position is not in the topic any more') && line.includes(TOPIC);
}
