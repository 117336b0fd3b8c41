// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { eventually } from '#libs/testing';
import { SmallDisk } from '../faults/support/small-disk';
import { LaunchedPlatform, removeHome } from '../support/launched-platform';
import { feedbackAbout, query, readiness, runbookVariables } from './platform-tools';
import { readRunbook, type RunbookFollower } from './runbook';

const DISK_MB = 320;

/** A platform whose whole home, Postgres in it, lies on a disk that can be filled up. */
export function describeDiskFull(follower: RunbookFollower): void {
  describe('disk full', () => {
    let disk: SmallDisk;
    let home: string;
    let platform: LaunchedPlatform | undefined;
    let env: Record<string, string>;
    let oldTransaction: Client | undefined;

    beforeAll(async () => {
      disk = SmallDisk.mount(DISK_MB);
      home = join(disk.path, 'home');
      mkdirSync(home);
      // Postgres runs as another user, who has to reach its folder.
      for (const folder of [disk.path, home]) chmodSync(folder, 0o755);
      platform = await LaunchedPlatform.start(['--only', 'monitoring'], {}, home);
      env = runbookVariables(platform);
    }, 150_000);
    afterAll(async () => {
      disk?.free();
      await oldTransaction?.end().catch(() => undefined);
      await platform?.stop({ keepData: true });
      if (home) removeHome(home);
      disk?.unmount();
    }, 60_000);

    const tell = async (ids: string[], comment = ''): Promise<number> => {
      const items = ids.map((id) => ({ ...(JSON.parse(feedbackAbout(id)) as object), comment }));
      const response = await fetch(`${env['MONITORING']}/api/v1/feedback/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ items }),
      });
      await response.arrayBuffer();
      return response.status;
    };
    const known = async (): Promise<number> =>
      Number((await query<{ n: string }>(env['MONITORING_DATABASE_URL'], 'select count(*) as n from feedback'))[0]?.n);

    it('is seen, sent events go early, and all goes on when there is room', async () => {
      const database = env['MONITORING_DATABASE_URL'];
      await query(
        database,
        `insert into outbox (workspace, id, topic, aggregatetype, aggregateid, type, payload, headers, published_at)
         values ('default', gen_random_uuid(), 'monitoring.alert.v1', 'thing', 'a', 't', '{}', '{}', now() - interval '2 days')`,
      );
      oldTransaction = new Client({ connectionString: database });
      oldTransaction.on('error', () => undefined);
      await oldTransaction.connect();
      await oldTransaction.query('begin');
      await oldTransaction.query('select 1');
      // A fresh segment of the log is taken before the disk is full: what is refused is the growth of tables.
      await asAdministrator(home, database, 'select pg_switch_wal()');
      expect(await tell(['kept'])).toBeLessThan(300);
      await eventually(async () => (await known()) === 1);
      disk.fill();

      await eventually(async () => (await tell(['a', 'b', 'c', 'd'], 'x'.repeat(900))) === 503, { timeoutMs: 60_000 });
      await eventually(async () => (await readiness(env['MONITORING'])).status === 503, { timeoutMs: 40_000 });
      const steps = readRunbook('disk-full');
      await follower.follow(steps.slice(0, -1), env);
      disk.free();
      await follower.follow(steps.slice(-1), env);
      const before = await known();
      expect(before).toBeGreaterThanOrEqual(1);
      expect(await tell(['afterwards'])).toBeLessThan(300);
      await eventually(async () => (await known()) === before + 1);
    });
  });
}

async function asAdministrator(home: string, serviceUrl: string, sql: string): Promise<void> {
  const url = new URL(serviceUrl);
  url.username = 'millrace';
  url.password = readFileSync(join(home, 'postgres', 'password'), 'utf8').trim();
  await query(url.toString(), sql);
}
