// SPDX-License-Identifier: Apache-2.0
import { AppError } from '#libs/errors';
import type { Transaction } from '#libs/persistence';
import { eventually, useTestDatabase } from '#libs/testing';
import { on, type ReceivedEvent } from '../src';
import { Moved, startRig, type Counted, type Rig, type RigOptions } from './rig';
import { useEventLog } from './use-event-log';

jest.setTimeout(60_000);

const never = () => new AppError({ code: 'SPEC.NEVER', kind: 'invalid', retry: 'never', message: 'no' });

describe('replays of dead letters', () => {
  const database = useTestDatabase('messaging-replays');
  let rig: Rig | undefined;
  const eventLog = useEventLog(async () => {
    await rig?.stop();
    rig = undefined;
  });
  const seen: ReceivedEvent<Counted>[] = [];
  /** What the handler does with an event; `record` once it is repaired. */
  let behave: (event: ReceivedEvent<Counted>, tx: Transaction) => Promise<void>;

  const start = async (options: RigOptions = {}): Promise<Rig> => {
    rig = await startRig(
      { database: database.url, eventLog: eventLog.url },
      [on(Moved, (event, tx) => behave(event, tx))],
      options,
    );
    return rig;
  };
  const record = async (event: ReceivedEvent<Counted>, tx: Transaction): Promise<void> => {
    await tx.query('insert into effects (event_id, n) values ($1, $2)', [event.id, event.data.n]);
    tx.afterCommit(() => seen.push(event));
  };
  const refuse = async (): Promise<void> => {
    throw never();
  };
  const letters = () =>
    database.db.query<{ id: string; code: string; attempts: number; event_id: string; state: string }>(
      'select id, code, attempts, event_id, state from dead_letters order by first_at, (headers ->> $1)::int',
      ['ce_aggregateversion'],
    );
  /** Letters of these events, made by a handler that refuses them. */
  const putAside = async (...numbers: number[]): Promise<string[]> => {
    behave = refuse;
    await rig?.publish('a', ...numbers);
    await eventually(async () => expect(await letters()).toHaveLength(numbers.length));
    return (await letters()).map(({ id }) => id);
  };

  beforeAll(async () => {
    await database.db.query('create table effects (event_id text, n int)');
  });
  beforeEach(async () => {
    seen.length = 0;
    await database.db.query('truncate effects, outbox, inbox, dead_letters, consumer_progress');
  });

  it('have the same event id, once the event can be handled', async () => {
    const { messaging } = await start();
    await putAside(5);
    await messaging.deadLetters.replay({ code: 'SPEC.NEVER' });
    // Still broken.
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'open', code: 'SPEC.NEVER', attempts: 2 }]));
    behave = record;
    const eventId = (await letters())[0].event_id;
    await messaging.deadLetters.replay({ code: 'SPEC.NEVER' });
    await eventually(() => seen.length === 1);
    expect(seen[0]).toMatchObject({ id: eventId, data: { n: 5 }, aggregateId: 'a' });
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'replayed' }]));
    const { items } = await messaging.deadLetters.list({});
    await expect(messaging.deadLetters.replay({ ids: [items[0]?.id ?? ''] })).rejects.toMatchObject({
      code: 'MESSAGING.DEAD_LETTER_NOT_OPEN',
    });
    await expect(messaging.deadLetters.drop({}, ' ')).rejects.toThrow(/reason/);
  });

  it('end when the handler does not return: the letter is open with that code, and others are replayed', async () => {
    const { messaging } = await start({ handlerSecondsMax: 0.3 });
    await putAside(1, 2);
    behave = (event, tx) => (event.data.n === 1 ? new Promise<void>(() => undefined) : record(event, tx));
    expect(await messaging.deadLetters.replay({ code: 'SPEC.NEVER' })).toBe(2);
    await eventually(async () =>
      expect(await letters()).toMatchObject([
        { code: 'MESSAGING.HANDLER_TIMEOUT', state: 'open', attempts: 2 },
        { state: 'replayed' },
      ]),
    );
    expect(seen.map(({ data }) => data.n)).toEqual([2]);
  });

  it('are marked as begun before the handler is called, so that whatever happens to the process leaves the letter open', async () => {
    const { messaging } = await start();
    await putAside(1);
    let goOn: (() => void) | undefined;
    behave = async (event, tx) => {
      await new Promise<void>((resolve) => (goOn = resolve));
      await record(event, tx);
    };
    await messaging.deadLetters.replay({ code: 'SPEC.NEVER' });
    await eventually(() => goOn !== undefined);
    expect(await letters()).toMatchObject([{ code: 'MESSAGING.REPLAY_INTERRUPTED', state: 'open', attempts: 2 }]);
    goOn?.();
    await eventually(async () => expect(await letters()).toMatchObject([{ state: 'replayed', attempts: 2 }]));
    expect(seen).toHaveLength(1);
  });

  it('leave a letter open that the handler puts aside again by itself', async () => {
    const { messaging } = await start();
    await putAside(1);
    behave = (event, tx) => messaging.deadLetters.deadLetter(tx, event, 'SPEC.ODD', 'odd one');
    await messaging.deadLetters.replay({ code: 'SPEC.NEVER' });
    await eventually(async () => expect(await letters()).toMatchObject([{ code: 'SPEC.ODD', state: 'open', attempts: 2 }]));
  });

  it('have one effect when several processes look for letters and they are asked for again and again', async () => {
    const first = await start({ replayPollMs: 5 });
    const others = await Promise.all(
      [1, 2].map(() =>
        startRig({ database: database.url, eventLog: eventLog.url }, [on(Moved, (event, tx) => behave(event, tx))], {
          replayPollMs: 5,
        }),
      ),
    );
    try {
      const numbers = Array.from({ length: 20 }, (_, n) => n + 1);
      await putAside(...numbers);
      behave = record;
      await eventually(async () => (await first.messaging.deadLetters.replay({})) === 0, { intervalMs: 1 });
      await eventually(async () => expect((await letters()).every(({ state }) => state === 'replayed')).toBe(true));
      expect(seen.map(({ data }) => data.n).sort((a, b) => a - b)).toEqual(numbers);
    } finally {
      await Promise.all(others.map((other) => other.stop()));
    }
  });

  it('that wait can be dropped or asked for again, by id or by that state; a selection alone leaves them', async () => {
    const { messaging } = await start({ replayPollMs: 600_000 });
    const [one, two, three] = await putAside(1, 2, 3);
    const { deadLetters } = messaging;
    expect(await deadLetters.replay({ ids: [one, two] })).toBe(2);
    expect(await deadLetters.drop({}, 'all that are open')).toBe(1);
    expect(await letters()).toMatchObject([{ state: 'replaying' }, { state: 'replaying' }, { id: three, state: 'dropped' }]);
    expect(await deadLetters.replay({ ids: [one] })).toBe(1);
    expect(await deadLetters.drop({ ids: [one] }, 'it kills the process')).toBe(1);
    expect(await deadLetters.drop({ state: 'replayed' }, 'none')).toBe(0);
    expect(await deadLetters.drop({ state: 'replaying' }, 'the rest')).toBe(1);
    expect(await letters()).toMatchObject([{ state: 'dropped' }, { state: 'dropped' }, { state: 'dropped' }]);
    await expect(deadLetters.drop({ ids: [one] }, 'again')).rejects.toMatchObject({ code: 'MESSAGING.DEAD_LETTER_NOT_OPEN' });
  });
});
