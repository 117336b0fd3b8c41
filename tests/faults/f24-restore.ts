// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { projectRoot } from '#libs/testing';
import { restoreColdBackup, takeColdBackup } from './support/cold-backup';
import { InferencesDoor } from './support/doors/inferences';
import { trafficKinds, type Fault, type FaultContext, type ServiceName } from './support/fault';
import { outboxesEmpty } from './support/fault-lab';
import { waitFor } from './support/wait';

/** Groups that read what the world told us and no restored service owns: they hear it again. */
const REWOUND = ['monitoring.feedback', 'monitoring.inferences'];
const EVENTS_AFTER = 60;
const JUDGED = 5;

/**
 * F24: all databases are put back to T while Kafka kept everything. What came through the public topic after T comes back from
 * it, once; what was accepted at a service's own door after T is gone, which is what the archive of the database's log is for.
 */
export const fault: Fault = {
  id: 'F24',
  title: 'All databases restored from a backup; consumers read again what came after it',
  async run(context) {
    for (let round = 0; round < context.rounds; round += 1) await restore(context, round);
  },
};

async function restore(context: FaultContext, round: number): Promise<void> {
  const { lab, traffic, workspace, note, fault: count } = context;
  const rates = { feedback: 4, uploads: 2, inferences: 4, aliases: 2, jobs: 0.1 };
  // A workspace of its own, so that all its feedback is what came after the backup.
  const later = `${workspace}-later-${round}`;
  const judged = await inferencesOf(context, later);
  for (const kind of trafficKinds) traffic.setRate(kind, 0);
  await quiet(context);
  const backup = await takeColdBackup(lab.postgres, join(lab.directory, `backup-${round}`));
  note('backup taken', { takenAt: backup.takenAt });
  const sent = await tellAfterwards(context, later, judged);
  await waitFor('monitoring to know it all', async () => (await known(context, 'monitoring', later)) === EVENTS_AFTER);
  await waitFor('ingestion to know it all', async () => (await known(context, 'ingestion', later)) === EVENTS_AFTER);

  const lostMs = performance.now();
  await Promise.all(lab.allReplicas().map((replica) => replica.stop()));
  await lab.postgres.stop('immediate');
  restoreColdBackup(lab.postgres, backup);
  await lab.postgres.start();
  count('databases restored', { takenAt: backup.takenAt });
  assert.equal(await known(context, 'monitoring', later), 0, 'the restored database knows the future');

  // From here on these are an operator's steps: see docs/runbooks.
  for (const group of REWOUND) rewind(lab.kafka.brokers, group, backup.takenAt);
  await Promise.all(lab.allReplicas().map((replica) => replica.restart()));
  await waitFor(
    'what came after the backup to come back',
    async () => (await known(context, 'monitoring', later)) === EVENTS_AFTER,
  );
  await waitFor('its effects to come back', async () => (await known(context, 'ingestion', later)) === EVENTS_AFTER);
  note('converged', { seconds: (performance.now() - lostMs) / 1000 });
  await assertOnce(context, later, sent);
  for (const kind of trafficKinds) traffic.setRate(kind, rates[kind]);
  await traffic.flows({ kinds: ['feedback', 'uploads', 'inferences', 'aliases'] });
  rmSync(backup.folder, { recursive: true });
}

/** Nothing is under way: no request, no event in an outbox, no effect that is still to come. */
async function quiet({ lab, workspace }: FaultContext): Promise<void> {
  await delay(500); // requests that were being made
  await waitFor('jobs and profiles to end', async () => {
    const [jobs] = await lab.postgres.sql<{ n: number }>(
      'training',
      `select count(*)::int as n from jobs where workspace = $1 and state not in ('succeeded', 'failed', 'cancelled')`,
      [workspace],
    );
    const [profiles] = await lab.postgres.sql<{ n: number }>(
      'data-prep',
      `select count(*)::int as n from profiles where workspace = $1 and state not in ('succeeded', 'failed')`,
      [workspace],
    );
    return jobs.n + profiles.n === 0;
  });
  await outboxesEmpty(lab, 30_000);
  let before = '';
  await waitFor(
    'the databases to stand still',
    async () => {
      const now = JSON.stringify(
        await Promise.all((['monitoring', 'ingestion', 'registry'] as const).map((name) => inboxOf(lab, name))),
      );
      const still = now === before;
      before = now;
      return still;
    },
    { intervalMs: 1_000 },
  );
}

async function inboxOf(lab: FaultContext['lab'], service: ServiceName): Promise<unknown> {
  return lab.postgres.sql(service, 'select count(*) from inbox');
}

/** Answers to judge: feedback is accepted only where monitoring knows the inference. */
async function inferencesOf({ lab, random }: FaultContext, workspace: string): Promise<string[]> {
  const ids: string[] = [];
  const door = new InferencesDoor({ lab, workspace, random }, ids);
  await door.prepare();
  for (let index = 0; ids.length < JUDGED; index += 1) await door.send(door.next(`${workspace}-judged-${index}`));
  await waitFor('monitoring to know what is to be judged', async () => {
    const rows = await lab.postgres.sql('monitoring', 'select 1 from inferences where workspace = $1', [workspace]);
    return rows.length >= JUDGED;
  });
  return ids;
}

/** Feedback through the public topic, after the backup. */
async function tellAfterwards({ lab }: FaultContext, workspace: string, judged: string[]): Promise<string[]> {
  const kafka = new Kafka({ clientId: 'millrace-faults-later', brokers: lab.kafka.brokers, logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const ids = Array.from({ length: EVENTS_AFTER }, (_, index) => `${workspace}-${index}`);
  try {
    await producer.send({
      topic: 'feedback.v1',
      acks: -1,
      messages: ids.map((id, index) => ({
        key: id,
        headers: {
          ce_specversion: '1.0',
          ce_id: id,
          ce_source: '/faults/later',
          ce_type: 'millrace.feedback.v1',
          ce_workspace: workspace,
          'content-type': 'application/json',
        },
        value: JSON.stringify({
          target: { kind: 'inference', id: judged[index % judged.length] },
          metric: 'correct',
          value: true,
          rater: { id: `rater-${index % 5}`, kind: 'human_end_user' },
        }),
      })),
    });
  } finally {
    await producer.disconnect();
  }
  return ids;
}

/** Rows of feedback that a service has. */
async function known({ lab }: FaultContext, service: 'monitoring' | 'ingestion', workspace: string): Promise<number> {
  const [row] = await lab.postgres.sql<{ n: number }>(service, 'select count(*)::int as n from feedback where workspace = $1', [
    workspace,
  ]);
  return row.n;
}

/** The operator's command. */
function rewind(brokers: string[], group: string, time: Date): void {
  const program = join(projectRoot(), 'dist/deploy/scripts/consumers.js');
  const args = ['rewind', '--group', group, '--to-time', time.toISOString(), '--brokers', brokers.join(',')];
  execFileSync(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function assertOnce({ lab }: FaultContext, workspace: string, sent: string[]): Promise<void> {
  const rows = await lab.postgres.sql<{ id: string; n: number }>(
    'monitoring',
    'select source_id as id, count(*)::int as n from feedback where workspace = $1 group by 1',
    [workspace],
  );
  assert.deepEqual(rows.map(({ id }) => id).sort(), [...sent].sort(), 'feedback that came back');
  assert.ok(
    rows.every(({ n }) => n === 1),
    'feedback came back twice',
  );
  const [raters] = await lab.postgres.sql<{ n: number }>(
    'monitoring',
    'select coalesce(sum(feedback_count), 0)::int as n from raters where workspace = $1',
    [workspace],
  );
  assert.equal(raters.n, sent.length, 'feedback counted for its raters');
}
