// SPDX-License-Identifier: Apache-2.0
import { createTestDatabase, dropTestDatabase, eventually, spawnProcess, useTestDatabase } from '#libs/testing';
import { eventLogMigrations, on } from '../src';
import { Moved, startRig } from './rig';

jest.setTimeout(120_000);

describe('the relay', () => {
  const database = useTestDatabase('messaging-relay-lead');

  it('has a lead that passes on when its holder is frozen (found while fault F19 was written); the one that wakes finds out and does not lead', async () => {
    const eventLog = await createTestDatabase('events', eventLogMigrations);
    await database.db.query('create table effects (seq bigint generated always as identity, event_id text, key text, n int)');
    const order = { database: database.url, eventLog, handlerMs: 1, leadSilenceMsMax: 1_500 };
    const frozen = spawnProcess({ file: 'libs/messaging/test/killed-consumer.ts', args: [JSON.stringify(order)] });
    await frozen.said('ready');
    const leaders = () =>
      database.db.query<{ pid: number }>(
        "select pid from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory' and granted and datname = current_database()",
      );
    await eventually(async () => (await leaders()).length === 1);
    const before = await leaders();
    const other = await startRig({ database: database.url, eventLog }, [], { group: 'spec.nobody' });
    try {
      frozen.signal('SIGSTOP');
      await other.publish('a', 1, 2, 3);
      const unsent = () => database.db.query('select 1 from outbox where published_at is null');
      await eventually(async () => (await unsent()).length === 0);
      const after = await leaders();
      expect(after).toHaveLength(1);
      expect(after).not.toEqual(before);
      frozen.signal('SIGCONT');
      await other.publish('a', 4);
      const numbers = async () =>
        (await database.db.query<{ n: number }>('select n from effects order by seq')).map(({ n }) => n);
      await eventually(async () => expect(await numbers()).toEqual([1, 2, 3, 4]));
      expect(await leaders()).toEqual(after);
    } finally {
      await frozen.kill();
      await other.stop();
      await dropTestDatabase(eventLog);
    }
  });

  it('finds an event whose notice was lost', async () => {
    const eventLog = await createTestDatabase('events', eventLogMigrations);
    const seen: number[] = [];
    const rig = await startRig({ database: database.url, eventLog }, [
      on(Moved, async (event, tx) => tx.afterCommit(() => seen.push(event.data.n))),
    ]);
    try {
      await rig.publish('b', 5);
      await eventually(() => expect(seen).toContain(5));
      const before = seen.length;
      // Committed by a process that died before it could tell anybody.
      await database.db.query(
        `insert into outbox (workspace, id, topic, aggregatetype, aggregateid, type, payload, headers)
         select workspace, new_id, topic, aggregatetype, 'c', type, payload, headers || jsonb_build_object('ce_id', new_id)
           from (select *, gen_random_uuid() as new_id from outbox where aggregateid = 'b' limit 1) as copied`,
      );
      await eventually(() => expect(seen).toHaveLength(before + 1));
    } finally {
      await rig.stop();
      await dropTestDatabase(eventLog);
    }
  });
});
