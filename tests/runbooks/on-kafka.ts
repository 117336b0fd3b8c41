// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { embeddedPostgresData } from '#libs/embedded-postgres';
import { KafkaBroker, KafkaOffsets } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { eventually } from '#libs/testing';
import { Home } from '../../deploy/local/home';
import { LabKafka } from '../faults/support/lab-kafka';
import { LaunchedPlatform, removeHome, temporaryHome } from '../support/launched-platform';
import { feedbackAbout, feedbackHeaders, query, readiness, runbookVariables } from './platform-tools';
import { readRunbook, type RunbookFollower } from './runbook';

/** A platform on a real broker, which is killed, loses a topic, and outlives the databases. */
class KafkaBench {
  readonly home = temporaryHome();
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-runbooks-'));
  kafka: LabKafka;
  env: Record<string, string> = {};
  private platform?: LaunchedPlatform;

  async open(): Promise<void> {
    this.kafka = await LabKafka.start(join(this.folder, 'kafka'));
    await this.start();
  }

  async start(): Promise<void> {
    const brokers = this.kafka.brokers.join(',');
    const args = ['--broker', 'kafka', '--only', 'registry,monitoring'];
    this.platform = await LaunchedPlatform.start(args, { KAFKA_BROKERS: brokers }, this.home);
    this.env = { ...runbookVariables(this.platform), KAFKA_BROKERS: brokers };
  }

  async stop(): Promise<void> {
    expect(await this.platform?.stop({ keepData: true })).toBe(0);
    this.platform = undefined;
  }

  async close(): Promise<void> {
    await this.platform?.stop({ keepData: true });
    removeHome(this.home);
    await this.kafka?.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A change that is to be told to others: a version of a new model. */
  async registerVersion(name: string): Promise<void> {
    for (const [path, body] of [
      ['registered-models/create', { name }],
      ['model-versions/create', { name, source: `s3://models/${name}` }],
    ] as const) {
      const response = await fetch(`${this.env['REGISTRY']}/api/2.0/mlflow/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect({ path, status: response.status, answer: await response.text() }).toMatchObject({ path, status: 200 });
    }
  }

  async tell(ids: string[]): Promise<void> {
    const broker = new KafkaBroker({ brokers: this.kafka.brokers, service: 'spec', logger: silentLogger() });
    await broker.start();
    await broker.publish(
      ids.map((id) => ({ topic: 'feedback.v1', key: id, value: feedbackAbout(id), headers: feedbackHeaders(id) })),
    );
    await broker.close();
  }

  async known(): Promise<string[]> {
    const url = this.env['MONITORING_DATABASE_URL'];
    return (await query<{ id: string }>(url, 'select source_id as id from feedback order by 1')).map(({ id }) => id);
  }

  /** What monitoring's consumer of feedback has not read; `skip` sets it behind all of that. */
  async unread({ skip = false } = {}): Promise<number> {
    const offsets = new KafkaOffsets(this.kafka.brokers);
    try {
      const positions = await offsets.positions('monitoring.feedback', ['feedback.v1']);
      const ends = positions.map(({ topic, partition, end }) => ({ topic, partition, offset: end }));
      if (skip) await offsets.move('monitoring.feedback', ends);
      return positions.reduce((sum, { lag }) => sum + lag, 0);
    } finally {
      await offsets.close();
    }
  }

  async knows(ids: string[]): Promise<void> {
    await eventually(async () => JSON.stringify(await this.known()) === JSON.stringify(ids), { timeoutMs: 90_000 });
  }
}

export function describeOnKafka(follower: RunbookFollower): void {
  describe('on Kafka', () => {
    const bench = new KafkaBench();
    beforeAll(() => bench.open(), 150_000);
    afterAll(() => bench.close(), 60_000);

    it('broker down: seen at the tools and at ready, and over when it is back', async () => {
      await bench.kafka.kill();
      await bench.registerVersion('made-without-a-broker');
      await eventually(async () => (await readiness(bench.env['REGISTRY'])).status === 503, { timeoutMs: 60_000 });
      const [client, ...rest] = readRunbook('broker-down');
      const askedMs = performance.now();
      await follower.follow([client], bench.env);
      expect(performance.now() - askedMs).toBeLessThan(30_000);
      await follower.follow(rest.slice(0, 3), bench.env);
      await bench.kafka.start();
      await follower.follow(rest.slice(3), bench.env);
    });

    it('outbox growing: the missing topic is made and the relay comes back', () => outboxGrowing(bench, follower));
    // Two stops and two starts of the platform: on a loaded machine more than the others take.
    it('restore: reads again what came after the backup, once, and nothing twice', () => restore(bench, follower), 300_000);
  });
}

async function outboxGrowing({ env, kafka }: KafkaBench, follower: RunbookFollower): Promise<void> {
  const admin = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: ['monitoring.proposal.v1'] });
    await eventually(async () => !(await admin.listTopics()).includes('monitoring.proposal.v1'), { timeoutMs: 30_000 });
    const waiting = (topic: string): string => `('default', gen_random_uuid(), '${topic}', 'thing', 'a', 't', '{}', '{}')`;
    await query(
      env['MONITORING_DATABASE_URL'],
      `insert into outbox (workspace, id, topic, aggregatetype, aggregateid, type, payload, headers)
       values ${waiting('no.such.topic.v1')}, ${waiting('monitoring.proposal.v1')}`,
    );
    await follower.follow(readRunbook('outbox-growing'), env);
    const ends = await admin.fetchTopicOffsets('monitoring.proposal.v1');
    // A relay that is ended between sending and marking sends again.
    expect(ends.reduce((sum, { high }) => sum + Number(high), 0)).toBeGreaterThan(0);
  } finally {
    await admin.disconnect();
  }
}

/** The broker's log outlives the databases. */
async function restore(bench: KafkaBench, follower: RunbookFollower): Promise<void> {
  const [backUp, putBack, dryRun, rewindService, rewindGroups, ...over] = readRunbook('restore-from-backup');
  const before = ['before-1', 'before-2'];
  const after = ['after-1', 'after-2', 'after-3'];
  const all = [...after, ...before].sort();
  const fixed = {
    POSTGRES_DATA: embeddedPostgresData(new Home(bench.home).postgresDirectory),
    BACKUP: join(bench.folder, 'backup'),
    // The margin that the page speaks of: what came before the backup is read again too.
    BACKUP_TIME: new Date().toISOString(),
  };
  await bench.tell(before);
  await bench.knows(before);
  await bench.stop();
  await follower.follow([backUp], { ...bench.env, ...fixed });

  await bench.start();
  await bench.tell(after);
  await bench.knows(all);
  await bench.stop();

  await follower.follow([putBack, dryRun], { ...bench.env, ...fixed });
  expect(await bench.unread()).toBe(0);
  await follower.follow([rewindService], { ...bench.env, ...fixed });
  // The page has two cases, and each must move by itself: what the first one has moved goes back.
  expect(await bench.unread({ skip: true })).toBe(all.length);
  await follower.follow([rewindGroups], { ...bench.env, ...fixed });
  expect(await bench.unread()).toBe(all.length);
  await bench.start();
  await follower.follow(over, { ...bench.env, ...fixed, FEEDBACK_BEFORE: String(all.length) });
  expect(await bench.known()).toEqual(all);
}
