// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { persistenceMigrations, runMigrations } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { eventLogMigrations, messagingMigrations, on } from '../src';
import { Moved, startRig } from './rig';

jest.setTimeout(120_000);

describe('Postgres gone and back', () => {
  let directory: string;
  let server: EmbeddedPostgres;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-outage-spec-'));
    chmodSync(directory, 0o755);
    server = await startEmbeddedPostgres({ directory });
    const migrations = [...persistenceMigrations, ...messagingMigrations];
    await runMigrations({ databaseUrl: server.url('service'), service: 'spec', migrations });
    await runMigrations({ databaseUrl: server.url('events'), service: 'events', migrations: eventLogMigrations });
  });
  afterAll(async () => {
    await server.stop({ mode: 'immediate' });
    rmSync(directory, { recursive: true, force: true });
  });

  it('refuses in bounded time while it is away, and goes on without a restart, nothing lost', async () => {
    const seen: number[] = [];
    const handler = on(Moved, async (event, tx) => tx.afterCommit(() => seen.push(event.data.n)));
    const rig = await startRig({ database: server.url('service'), eventLog: server.url('events') }, [handler]);
    try {
      await rig.publish('a', 1);
      await eventually(() => seen.length === 1);
      await rig.publish('a', 2); // committed: must survive, sent or not
      const { port } = server;
      await server.stop({ mode: 'immediate' });
      const started = performance.now();
      await expect(rig.publish('a', 99)).rejects.toMatchObject({ kind: 'unavailable', retry: 'later' });
      expect(performance.now() - started).toBeLessThan(5_000);
      await expect(rig.messaging.readiness()).rejects.toThrow(/does not answer/);
      // Past two leases (1.5 s each) without a heartbeat: still alive, because a restart would not help.
      const heartbeatAge = /consumer_heartbeat_age_seconds\{[^}]*\} ([\d.]+)/;
      await eventually(async () => Number(heartbeatAge.exec((await rig.metrics.page()).body)?.[1]) > 3.5);
      expect(() => rig.messaging.liveness()).not.toThrow();
      server = await startEmbeddedPostgres({ directory, port });
      await eventually(() => rig.publish('a', 3), { intervalMs: 200 });
      await eventually(() => expect(seen).toEqual([1, 2, 3]));
      await eventually(() => rig.messaging.readiness());
      expect(rig.fatal).toEqual([]);
    } finally {
      await rig.stop();
    }
  });

  it('starts while it is away, and becomes ready when it is there', async () => {
    const { port } = server;
    const urls = { database: server.url('service'), eventLog: server.url('events') };
    await server.stop();
    const starting = startRig(urls, [], { group: 'spec.early' });
    server = await startEmbeddedPostgres({ directory, port });
    const rig = await starting;
    try {
      await eventually(() => rig.messaging.readiness());
    } finally {
      await rig.stop();
    }
  });
});
