// SPDX-License-Identifier: Apache-2.0
import type { Transaction } from '#libs/persistence';
import { eventually, useTestDatabase } from '#libs/testing';
import { onRawBatch, type EventHandler, type ReceivedEvent } from '../src';
import { startRig, type Rig } from './rig';
import { useEventLog } from './use-event-log';

jest.setTimeout(60_000);

const TOPIC = 'feedback.v1';

/** A batch handler whose own table finds repeats: no inbox row per event. */
describe('a handler that owns its duplicates', () => {
  const database = useTestDatabase('owned-duplicates-spec');
  const eventLog = useEventLog(() => rig.stop());
  let rig: Rig;
  let refuse: (n: number) => boolean;

  const handle = async (events: ReceivedEvent[], tx: Transaction): Promise<number> => {
    let fresh = 0;
    for (const event of events) {
      const { n } = event.data as { n: number };
      if (refuse(n)) {
        await rig.messaging.deadLetters.deadLetter(tx, event, 'SPEC.ODD', 'odd one');
        fresh += 1;
        continue;
      }
      const rows = await tx.query(
        'insert into effects (workspace, source, id, n) values ($1, $2, $3, $4) on conflict do nothing returning 1',
        [event.workspace, event.source, event.id, n],
      );
      fresh += rows.length;
    }
    if (events.some((event) => event.id === 'bug')) throw new TypeError('a bug');
    return fresh;
  };
  const handlers: EventHandler[] = [onRawBatch(TOPIC, handle, { ownsDuplicates: true })];
  const send = (...ids: string[]): Promise<void> =>
    rig.broker.publish(
      ids.map((id) => ({
        topic: TOPIC,
        key: 'one partition',
        value: JSON.stringify({ n: Number(id.replace(/\D/g, '') || 0) }),
        headers: { ce_specversion: '1.0', ce_id: id, ce_source: '/app', ce_type: 'any', 'content-type': 'application/json' },
      })),
    );
  const effects = async (): Promise<number[]> =>
    (await database.db.query<{ n: number }>('select n from effects order by n')).map((row) => row.n);
  const letters = () =>
    database.db.query<{ event_id: string; state: string; attempts: number }>(
      'select event_id, state, attempts from dead_letters order by event_id',
    );
  const inbox = async (): Promise<string[]> =>
    (await database.db.query<{ event_key: string }>('select event_key from inbox order by 1')).map((row) => row.event_key);
  /** Everything sent so far was handled: a last event shows. */
  const settled = async (last: string): Promise<void> => {
    await send(last);
    await eventually(async () => expect(await effects()).toContain(Number(last.replace(/\D/g, ''))));
  };

  beforeAll(async () => {
    await database.db.query(
      'create table effects (workspace text, source text, id text, n int, primary key (workspace, source, id))',
    );
  });
  beforeEach(async () => {
    await database.db.query('truncate effects, outbox, inbox, dead_letters, consumer_progress');
    refuse = () => false;
    rig = await startRig({ database: database.url, eventLog: eventLog.url }, handlers);
  });

  it('has one effect per event, within a batch and when it comes again, without inbox rows, and counts repeats', async () => {
    await send('e1', 'e2', 'e1', 'e3', 'e2');
    await send('e2', 'e3');
    await settled('e9');
    expect(await effects()).toEqual([1, 2, 3, 9]);
    expect(await inbox()).toEqual([]);
    expect((await rig.metrics.page()).body).toMatch(/inbox_duplicates_total\{consumer="spec.moves"\} 4/);
  });

  it('puts single events aside once: a repeat neither opens the letter again nor has an effect', async () => {
    refuse = (n) => n === 2;
    await send('e1', 'e2', 'e3', 'e2');
    await settled('e8');
    expect(await letters()).toEqual([{ event_id: 'e2', state: 'open', attempts: 1 }]);
    await rig.messaging.deadLetters.drop({ code: 'SPEC.ODD' }, 'not needed');
    refuse = () => false;
    await send('e2', 'e3');
    await settled('e9');
    expect(await letters()).toEqual([{ event_id: 'e2', state: 'dropped', attempts: 1 }]);
    expect(await effects()).toEqual([1, 3, 8, 9]);
    expect(await inbox()).toEqual(['default|4|/app|e2']);
  });

  it('replays a letter: refused again it is open again, taken it has its effect once', async () => {
    refuse = (n) => n === 2;
    await send('e2');
    await settled('e8');
    await rig.messaging.deadLetters.replay({ code: 'SPEC.ODD' });
    await eventually(async () => expect(await letters()).toEqual([{ event_id: 'e2', state: 'open', attempts: 2 }]));
    refuse = () => false;
    await rig.messaging.deadLetters.replay({ code: 'SPEC.ODD' });
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'replayed' }]));
    await send('e2');
    await settled('e9');
    expect(await effects()).toEqual([2, 8, 9]);
  });

  it('finds the culprit of a failing batch; the others have their effect once', async () => {
    await send('e1', 'e2', 'bug', 'e3', 'e4');
    await settled('e9');
    expect(await letters()).toMatchObject([{ event_id: 'bug', state: 'open' }]);
    await send('e1', 'bug', 'e4');
    await settled('e10');
    expect(await letters()).toHaveLength(1);
    expect(await effects()).toEqual([1, 2, 3, 4, 9, 10]);
  });

  it('lets two that race for an event meet at its key', async () => {
    let commit = (): void => undefined;
    const held = new Promise<void>((resolve) => (commit = resolve));
    let inserted = false;
    const other = database.uow.run(async (tx) => {
      await tx.query("insert into effects (workspace, source, id, n) values ('default', '/app', 'e5', 5)");
      inserted = true;
      await held;
    });
    await eventually(() => inserted);
    await send('e4', 'e5', 'e6');
    await eventually(async () =>
      expect(
        await database.db.query(
          "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into effects%'",
        ),
      ).toHaveLength(1),
    );
    commit();
    await other;
    await settled('e9');
    expect(await effects()).toEqual([4, 5, 6, 9]);
  });
});
