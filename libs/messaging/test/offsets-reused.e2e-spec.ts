// SPDX-License-Identifier: Apache-2.0
import { AppError } from '#libs/errors';
import { openPersistence, type Transaction } from '#libs/persistence';
import { createTestDatabase, dropTestDatabase, eventually, useTestDatabase } from '#libs/testing';
import { eventLogMigrations, onRaw, type DeadLetter, type ReceivedEvent } from '../src';
import { startRig, type Rig } from './rig';

jest.setTimeout(60_000);

const TOPIC = 'feedback.v1';
const HEADERS = { ce_specversion: '1.0', ce_source: '/app', ce_type: 'any.type' };
/** As builds before the migration `free places of dead letters` write a letter, word for word. */
const PUT_OF_OLD_BUILDS = `insert into dead_letters as d (workspace, id, consumer, topic, partition, message_offset, key, headers, payload, message_time,
         event_id, event_type, code, message, attempts, build)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
       on conflict (consumer, topic, partition, message_offset) do update
         set code = excluded.code, message = excluded.message, attempts = d.attempts + excluded.attempts, last_at = now(),
             build = excluded.build, state = 'open', resolved_at = null`;

describe('messages at an offset that another one had before, in a log that was lost or made anew', () => {
  const database = useTestDatabase('messaging-offsets-reused');
  let eventLog: string;
  let rig: Rig;
  let broken: boolean;
  const handled: ReceivedEvent[] = [];

  const handle = async (event: ReceivedEvent, tx: Transaction): Promise<void> => {
    if (broken) throw new AppError({ code: `SPEC.${event.id}`, kind: 'invalid', retry: 'never', message: 'no' });
    tx.afterCommit(() => handled.push(event));
  };
  const start = async (): Promise<void> => {
    rig = await startRig({ database: database.url, eventLog }, [onRaw(TOPIC, handle)]);
  };
  const send = (value: string, headers: Record<string, string> = HEADERS) =>
    rig.broker.publish([{ topic: TOPIC, key: 'k', value, headers }]);
  const loseLog = async (): Promise<void> => {
    await rig.stop();
    await dropTestDatabase(eventLog);
    eventLog = await createTestDatabase('events', eventLogMigrations);
    await start();
  };
  const letters = async (): Promise<DeadLetter[]> => {
    const { deadLetters } = rig.messaging;
    const { items } = await deadLetters.list({});
    return Promise.all(items.reverse().map(({ id }) => deadLetters.show(id)));
  };
  const shown = async () =>
    (await letters()).map(({ offset, code, payload, attempts }) => ({ offset, code, attempts, payload: String(payload) }));
  const figure = async (name: string): Promise<number> => {
    const { body } = await rig.metrics.page();
    return Number(new RegExp(`${name}\\S* (\\d+)`).exec(body)?.[1] ?? 0);
  };
  const putAside = () => figure('consumer_events_total\\{consumer="spec.moves",outcome="dead-lettered"');

  beforeEach(async () => {
    handled.length = 0;
    broken = true;
    eventLog = await createTestDatabase('events', eventLogMigrations);
    await database.db.query('truncate outbox, inbox, dead_letters, consumer_progress');
    await start();
  });
  afterEach(async () => {
    await rig.stop();
    await dropTestDatabase(eventLog);
  });

  it('have letters of their own when they are unreadable', async () => {
    await send('no JSON 1');
    await eventually(async () => expect(await letters()).toHaveLength(1));
    await loseLog();
    await send('no JSON 2');
    await eventually(async () => expect(await letters()).toHaveLength(2));
    const code = 'MESSAGING.NOT_AN_EVENT';
    expect(await shown()).toEqual([
      { offset: '0', code, attempts: 1, payload: 'no JSON 1' },
      { offset: '0', code, attempts: 1, payload: 'no JSON 2' },
    ]);
    await eventually(async () => expect(await putAside()).toBe(1));
  });

  it('have letters of their own when they are events, and can be replayed, one and the other', async () => {
    await send('{"n":1}', { ...HEADERS, ce_id: 'ONE' });
    await eventually(async () => expect(await letters()).toHaveLength(1));
    await loseLog();
    await send('{"n":2}', { ...HEADERS, ce_id: 'TWO' });
    await eventually(async () => expect(await letters()).toHaveLength(2));
    expect(await shown()).toEqual([
      { offset: '0', code: 'SPEC.ONE', attempts: 1, payload: '{"n":1}' },
      { offset: '0', code: 'SPEC.TWO', attempts: 1, payload: '{"n":2}' },
    ]);
    broken = false;
    expect(await rig.messaging.deadLetters.replay({})).toBe(2);
    await eventually(() => handled.length === 2);
    expect(handled.map(({ id, offset, data }) => ({ id, offset, data }))).toEqual([
      { id: 'ONE', offset: '0', data: { n: 1 } },
      { id: 'TWO', offset: '0', data: { n: 2 } },
    ]);
  });

  it('have one letter when they come twice, and are counted as put aside once', async () => {
    await send('no JSON');
    await eventually(async () => expect(await letters()).toHaveLength(1));
    await rig.stop();
    const admin = openPersistence({ databaseUrl: eventLog, applicationName: 'spec' });
    await admin.database.query('update claims set committed = 0');
    await admin.close();
    await start();
    await eventually(async () => expect(await figure('inbox_duplicates_total')).toBe(1));
    expect(await shown()).toMatchObject([{ attempts: 1, payload: 'no JSON' }]);
    expect(await putAside()).toBe(0);
  });

  it('have letters also by builds that know nothing of former places', async () => {
    await send('no JSON 1');
    await eventually(async () => expect(await letters()).toHaveLength(1));
    await loseLog();
    await send('no JSON 2');
    await eventually(async () => expect(await letters()).toHaveLength(2));
    const [, { partition, headers }] = await letters();
    const id = '00000000-0000-7000-8000-000000000001';
    const place = ['spec.moves', TOPIC, partition, '0'];
    const event = ['k', headers, Buffer.from('no JSON 2'), new Date(), '', 'any.type'];
    // The second failure of the newer message.
    await database.db.query(PUT_OF_OLD_BUILDS, ['default', id, ...place, ...event, 'SPEC.OLD', 'no', 1, 'b0']);
    expect(await shown()).toMatchObject([
      { code: 'MESSAGING.NOT_AN_EVENT', attempts: 1, payload: 'no JSON 1' },
      { code: 'SPEC.OLD', attempts: 2, payload: 'no JSON 2' },
    ]);
  });
});
