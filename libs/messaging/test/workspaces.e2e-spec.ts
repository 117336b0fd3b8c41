// SPDX-License-Identifier: Apache-2.0
import type { Transaction } from '#libs/persistence';
import { createTestDatabase, dropTestDatabase, eventually, useTestDatabase } from '#libs/testing';
import { eventLogMigrations, onRaw, type ReceivedEvent } from '../src';
import { startRig, type Rig } from './rig';

describe('events of several workspaces', () => {
  const database = useTestDatabase('messaging-workspaces-spec');
  let eventLog: string;
  let rig: Rig;

  const handle = async ({ workspace, source, id, data }: ReceivedEvent, tx: Transaction): Promise<void> => {
    const { n } = data as { n: number };
    await tx.query('insert into effects (workspace, source, id, n) values ($1, $2, $3, $4)', [workspace, source, id, n]);
  };
  const effects = () =>
    database.db.query<{ workspace: string; source: string; id: string; n: number }>('select * from effects order by n');

  beforeAll(async () => {
    await database.db.query('create table effects (workspace text, source text, id text, n int)');
    eventLog = await createTestDatabase('events', eventLogMigrations);
    rig = await startRig({ database: database.url, eventLog }, [onRaw('feedback.v1', handle)]);
  });
  afterAll(async () => {
    await rig?.stop();
    await dropTestDatabase(eventLog);
  });

  function send(workspace: string, n: number): Promise<void> {
    const headers = { ce_specversion: '1.0', ce_id: 'same', ce_source: '/app', ce_type: 'any.type', ce_workspace: workspace };
    return rig.broker.publish([{ topic: 'feedback.v1', key: 'one partition', value: JSON.stringify({ n }), headers }]);
  }

  it('handles the same id of the same source once in each workspace', async () => {
    // Who guesses the id of another workspace's event neither swallows nor changes it, before it or after it.
    await send('team-b', 1);
    await send('team-a', 2);
    await send('team-a', 3);
    await send('team-b', 4);
    await send('team-c', 5);
    await eventually(async () => (await effects()).some(({ n }) => n === 5));
    const same = { source: '/app', id: 'same' };
    expect(await effects()).toEqual([
      { ...same, workspace: 'team-b', n: 1 },
      { ...same, workspace: 'team-a', n: 2 },
      { ...same, workspace: 'team-c', n: 5 },
    ]);
    expect(await database.db.query('select 1 from dead_letters')).toEqual([]);
  }, 60_000);
});
