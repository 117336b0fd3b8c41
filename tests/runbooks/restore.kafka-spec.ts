// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { embeddedPostgresData } from '#libs/embedded-postgres';
import { KafkaBroker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { eventually, startKafkaForTests, type TestKafka } from '#libs/testing';
import { Home } from '../../deploy/local/home';
import { LaunchedPlatform, removeHome, temporaryHome } from '../support/launched-platform';
import { feedbackAbout, feedbackHeaders, follow, readRunbook, runbookVariables } from './runbook';

jest.setTimeout(400_000);

/** docs/runbooks/restore-from-backup.md on real Kafka, whose log outlives the databases. */
describe('the runbook of a restore', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-restore-'));
  const home = temporaryHome();
  let kafka: TestKafka;
  let platform: LaunchedPlatform | undefined;

  beforeAll(async () => {
    kafka = await startKafkaForTests({ own: true });
  }, 60_000);
  afterAll(async () => {
    await platform?.stop({ keepData: true });
    removeHome(home);
    await kafka?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const start = async (): Promise<Record<string, string>> => {
    platform = await LaunchedPlatform.start(['--broker', 'kafka'], { KAFKA_BROKERS: kafka.brokers.join(',') }, home);
    return runbookVariables(platform);
  };
  const stop = async (): Promise<void> => {
    expect(await platform?.stop({ keepData: true })).toBe(0);
    platform = undefined;
  };
  const tell = async (ids: string[]): Promise<void> => {
    const broker = new KafkaBroker({ brokers: kafka.brokers, service: 'spec', logger: silentLogger() });
    await broker.start();
    await broker.publish(
      ids.map((id) => ({ topic: 'feedback.v1', key: id, value: feedbackAbout(id), headers: feedbackHeaders(id) })),
    );
    await broker.close();
  };
  const known = async (): Promise<string[]> => {
    const client = new Client({ connectionString: new Home(home).readState()?.databaseUrls['monitoring'] });
    await client.connect();
    try {
      const { rows } = await client.query<{ id: string }>('select source_id as id from feedback order by 1');
      return rows.map(({ id }) => id);
    } finally {
      await client.end();
    }
  };
  const knows = (ids: string[]): Promise<unknown> =>
    eventually(async () => JSON.stringify(await known()) === JSON.stringify(ids), { timeoutMs: 90_000 });

  it('reads again what came after the backup, once, and nothing twice of what came before', async () => {
    const [backUp, putBack, dryRun, rewind, ...over] = readRunbook('restore-from-backup');
    const before = ['before-1', 'before-2'];
    const after = ['after-1', 'after-2', 'after-3'];
    // The margin that the page speaks of: what came before the backup is read again too.
    const backupTime = new Date();
    const running = await start();
    await tell(before);
    await knows([...before].sort());
    await stop();
    const fixed = {
      POSTGRES_DATA: embeddedPostgresData(new Home(home).postgresDirectory),
      BACKUP: join(folder, 'backup'),
      BACKUP_TIME: backupTime.toISOString(),
      KAFKA_BROKERS: kafka.brokers.join(','),
    };
    await follow([backUp], { ...running, ...fixed });

    await start();
    await tell(after);
    const all = [...after, ...before].sort();
    await knows(all);
    await stop();

    await follow([putBack, dryRun, rewind], { ...running, ...fixed });
    const restored = await start();
    await follow(over, { ...restored, ...fixed, FEEDBACK_BEFORE: String(all.length) });
    expect(await known()).toEqual(all);
  });
});
