// SPDX-License-Identifier: Apache-2.0
import { createTestDatabase, dropTestDatabase, eventually, useTestDatabase } from '#libs/testing';
import { eventLogMigrations } from '../src';
import { startRig, type Rig } from './rig';

describe('figures of the outbox', () => {
  const database = useTestDatabase('outbox-figures-spec');
  let eventLog: string;
  let rig: Rig;

  beforeEach(async () => {
    eventLog = await createTestDatabase('events', eventLogMigrations);
    rig = await startRig({ database: database.url, eventLog }, [], { topics: [] });
  });
  afterEach(async () => {
    await rig.stop();
    await dropTestDatabase(eventLog);
  });

  it('count events whose topic is missing, at every look', async () => {
    const page = async (): Promise<string> => (await rig.metrics.page()).body;
    await rig.publish('a', 1, 2);
    await database.db.query(`update outbox set created_at = now() - interval '90 seconds'`);
    await eventually(async () => (await page()).includes('relay_failures_total{code="MESSAGING.UNKNOWN_TOPIC"} '));
    for (let look = 0; look < 20; look += 1) {
      const body = await page();
      expect(body).toMatch(/outbox_waiting_events 2\n/);
      expect(Number(/outbox_oldest_age_seconds ([\d.]+)/.exec(body)?.[1])).toBeGreaterThan(80);
    }
  });
});
