// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { AppError, CommonErrors } from '#libs/errors';
import type { Transaction } from '#libs/persistence';
import { eventually, useTestDatabase } from '#libs/testing';
import { on, onBatch, onRaw, type EventHandler, type ReceivedEvent } from '../src';
import { Moved, startRig, type Counted, type Rig, type RigOptions } from './rig';
import { useEventLog } from './use-event-log';

jest.setTimeout(60_000);

const never = () => new AppError({ code: 'SPEC.NEVER', kind: 'invalid', retry: 'never', message: 'no' });

describe('messaging on the event log', () => {
  const database = useTestDatabase('messaging-spec');
  let rig: Rig | undefined;
  const eventLog = useEventLog(async () => {
    await rig?.stop();
    rig = undefined;
  });
  const seen: ReceivedEvent<Counted>[] = [];

  const start = async (handlers: EventHandler[], options: RigOptions = {}): Promise<Rig> => {
    rig = await startRig({ database: database.url, eventLog: eventLog.url }, handlers, { ...options });
    return rig;
  };
  const numbers = (): number[] => seen.map(({ data }) => data.n);
  const record = async (event: ReceivedEvent<Counted>, tx: Transaction): Promise<void> => {
    await tx.query('insert into effects (event_id, n) values ($1, $2)', [event.id, event.data.n]);
    tx.afterCommit(() => seen.push(event));
  };
  const letters = () =>
    database.db.query<{ code: string; attempts: number; event_id: string; state: string }>(
      'select code, attempts, event_id, state from dead_letters order by first_at',
    );

  beforeAll(async () => {
    await database.db.query('create table effects (event_id text, n int)');
  });
  beforeEach(async () => {
    seen.length = 0;
    await database.db.query('truncate effects, outbox, inbox, dead_letters, consumer_progress');
  });

  it('delivers what was committed, with its attributes, and nothing that was rolled back', async () => {
    // Woken, not polled: a poll would come ten minutes later.
    const { messaging, persistence, publish } = await start([on(Moved, record)], { outboxPollMs: 600_000, logPollMs: 600_000 });
    const rolledBack = persistence.unitOfWork.run(async (tx) => {
      await messaging.publisher.publish(tx, Moved, {
        workspace: 'team-a',
        aggregateId: 'x',
        aggregateVersion: 1,
        data: { n: 99 },
      });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    await publish('champion', 7);
    await eventually(() => seen.length === 1);
    expect(seen[0]).toMatchObject({
      source: 'millrace/spec',
      type: 'millrace.spec.moved.v1',
      subject: 'champion',
      workspace: 'team-a',
      aggregateId: 'champion',
      aggregateVersion: 7,
      data: { n: 7 },
      topic: 'registry.alias.v1',
      key: 'champion',
      attempt: 1,
    });
    await expect(messaging.readiness()).resolves.toBeUndefined();
    expect(() => messaging.liveness()).not.toThrow();
  });

  it('keeps the order per aggregate while many write at once, also for rows that commit late', async () => {
    const { messaging, persistence, publish } = await start([on(Moved, record)]);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let inserted = false;
    // Takes its position first and commits last: a relay that remembers a cursor would never see it.
    const late = persistence.unitOfWork.run(async (tx) => {
      await messaging.publisher.publish(tx, Moved, {
        workspace: 'w',
        aggregateId: 'late',
        aggregateVersion: 1,
        data: { n: 1000 },
      });
      inserted = true;
      await held;
    });
    await eventually(() => inserted);
    for (let n = 1; n <= 20; n += 1) await Promise.all(['a', 'b', 'c'].map((key) => publish(key, n)));
    await eventually(() => seen.length === 60);
    release();
    await late;
    await eventually(() => seen.length === 61);
    for (const key of ['a', 'b', 'c']) {
      expect(seen.filter(({ key: own }) => own === key).map(({ data }) => data.n)).toEqual(
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
    }
  });

  it('has one effect per event however often it is sent', async () => {
    const { publish, metrics } = await start([
      onBatch(Moved, async (events, tx) => {
        for (const event of events) await record(event, tx);
      }),
    ]);
    await publish('a', 1, 2, 3);
    await eventually(() => seen.length === 3);
    for (let storm = 0; storm < 3; storm += 1) {
      await database.db.query('update outbox set published_at = null');
      // Nobody is told of this: the relay's own look finds it.
      await eventually(
        async () => expect(await database.db.query('select 1 from outbox where published_at is null')).toEqual([]),
        {
          timeoutMs: 20_000,
        },
      );
    }
    await publish('a', 4);
    await eventually(() => seen.length === 4);
    expect(await database.db.query('select n, count(*) as count from effects group by n order by n')).toEqual(
      [1, 2, 3, 4].map((n) => ({ n, count: '1' })),
    );
    expect((await metrics.page()).body).toMatch(/inbox_duplicates_total\{consumer="spec.moves"\} 9/);
  });

  it('tries a bug three times, puts the event aside, and goes on with its neighbours; a lasting refusal at once', async () => {
    let tries = 0;
    await start([
      on(Moved, async (event, tx) => {
        if (event.data.n === 2) {
          tries += 1;
          throw new TypeError('a bug');
        }
        if (event.data.n === 3) throw never();
        await record(event, tx);
      }),
    ]);
    await rig?.publish('a', 1, 2, 3, 4);
    await eventually(() => seen.length === 2);
    expect(numbers()).toEqual([1, 4]);
    expect(tries).toBe(3);
    expect(await letters()).toMatchObject([
      { code: 'COMMON.INTERNAL', attempts: 3, state: 'open' },
      { code: 'SPEC.NEVER', attempts: 1, state: 'open' },
    ]);
  });

  it('ends a handler that never returns, within a bound', async () => {
    await start([on(Moved, async (event, tx) => (event.data.n === 1 ? new Promise<void>(() => undefined) : record(event, tx)))], {
      handlerSecondsMax: 0.2,
    });
    await rig?.publish('a', 1, 2);
    await eventually(() => seen.length === 1);
    expect(await letters()).toMatchObject([{ code: 'MESSAGING.HANDLER_TIMEOUT', attempts: 2 }]);
  });

  it('waits for a dependency that is away, in order, without dead letters', async () => {
    let away = 3;
    await start([
      on(Moved, async (event, tx) => {
        if (event.data.n === 2 && away-- > 0) throw CommonErrors.UNAVAILABLE('the peer is away');
        await record(event, tx);
      }),
    ]);
    await rig?.publish('a', 1, 2, 3);
    await eventually(() => seen.length === 3);
    expect(numbers()).toEqual([1, 2, 3]);
    expect(seen[1]?.attempt).toBe(4);
    expect(await letters()).toEqual([]);
  });

  it('gives up an event that asks for "later" for too long', async () => {
    const later = () => new AppError({ code: 'SPEC.GAP', kind: 'precondition', retry: 'later', message: 'version 1 is missing' });
    await start([on(Moved, async (event, tx) => (event.data.n === 1 ? Promise.reject(later()) : record(event, tx)))], {
      laterSecondsMax: 0.5,
    });
    await rig?.publish('a', 1, 2);
    await eventually(() => seen.length === 1);
    expect(await letters()).toMatchObject([{ code: 'MESSAGING.RETRIES_EXHAUSTED' }]);
  });

  it('halves a failing batch until the culprit is alone', async () => {
    await start([
      onBatch(Moved, async (events, tx) => {
        for (const event of events) {
          if (event.data.n % 10 === 7) throw never();
          await record(event, tx);
        }
      }),
    ]);
    await rig?.publish('a', ...Array.from({ length: 30 }, (_, n) => n));
    await eventually(() => seen.length === 27);
    expect(numbers()).toEqual(Array.from({ length: 30 }, (_, n) => n).filter((n) => n % 10 !== 7));
    expect(await letters()).toHaveLength(3);
  });

  it('halves a batch that takes longer than a statement may, and takes less at once from then on', async () => {
    const sizes: number[] = [];
    await start([
      onBatch(Moved, async (events, tx) => {
        sizes.push(events.length);
        await tx.query(`set local statement_timeout = 500`);
        await tx.query('select pg_sleep($1)', [0.02 * events.length]);
        for (const event of events) await record(event, tx);
      }),
    ]);
    for (const to of [30, 60]) {
      await rig?.publish('a', ...Array.from({ length: 30 }, (_, n) => to - 30 + n));
      await eventually(() => seen.length === to);
    }
    expect(numbers()).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(sizes.filter((size) => size > 25)).toEqual([30]);
    expect(await letters()).toEqual([]);
  });

  it('lets a batch handler put single events aside', async () => {
    const running: Rig = await start([
      onBatch(Moved, async (events, tx) => {
        for (const event of events) {
          if (event.data.n === 2) await running.messaging.deadLetters.deadLetter(tx, event, 'SPEC.ODD', 'odd one');
          else await record(event, tx);
        }
      }),
    ]);
    await running.publish('a', 1, 2, 3);
    await eventually(() => seen.length === 2);
    const { items } = await running.messaging.deadLetters.list({ code: 'SPEC.ODD' });
    expect(items).toMatchObject([{ consumer: 'spec.moves', workspace: 'team-a', eventType: Moved.type, message: 'odd one' }]);
  });

  it('reads both CloudEvents modes from strangers and dead-letters what is none, with its reason', async () => {
    const raw: ReceivedEvent[] = [];
    const { broker } = await start([onRaw('feedback.v1', async (event) => void raw.push(event))]);
    const structured = {
      specversion: '1.0',
      id: 's1',
      source: '/app',
      type: 'any.type',
      workspace: 'team-b',
      data: { ok: true },
    };
    const send = (value: string | Buffer | null, headers: Record<string, string>) =>
      broker.publish([{ topic: 'feedback.v1', key: null, value, headers }]);
    const binary = { ce_specversion: '1.0', ce_id: 'b1', ce_source: '/app', ce_type: 'any.type' };
    await send(JSON.stringify(structured), { 'content-type': 'application/cloudevents+json; charset=utf-8' });
    await send('{"ok":true}', binary);
    await send('{"ok":true}', { ...binary, ce_id: 'b1' }); // a repeat
    await send('{"ok":true}', { ...binary, ce_workspace: 'team-b' }); // the same id of another tenant is another event
    await send('not json', { ...binary, ce_id: 'p1' });
    await send(Buffer.from([0xff, 0xfe]), { ...binary, ce_id: 'p2' });
    await send('{}', { ...binary, ce_id: '' });
    await send('{}', {});
    await send(null, {});
    await send('[]', { 'content-type': 'application/cloudevents+json' });
    await send('[]', { 'content-type': 'application/cloudevents-batch+json' });
    await send('{}', { ...binary, ce_id: 'p3', ce_specversion: '0.3' });
    await send('{}', { ...binary, ce_id: 'p4', ce_workspace: '../etc' });
    await eventually(async () => expect(await letters()).toHaveLength(9));
    expect(raw.map(({ id, workspace }) => `${workspace}/${id}`).sort()).toEqual(['default/b1', 'team-b/b1', 'team-b/s1']);
    expect(raw[0]?.data).toEqual({ ok: true });
    const reasons = await database.db.query<{ message: string }>('select message from dead_letters');
    for (const { message } of reasons) expect(message).toMatch(/^(data|id|value|content-type|specversion|workspace) /);
  });

  it('skips types that it does not know, on its topics', async () => {
    const { broker, publish, metrics } = await start([on(Moved, record)]);
    const headers = { ce_specversion: '1.0', ce_id: randomUUID(), ce_source: 'x', ce_type: 'millrace.spec.future.v9' };
    await broker.publish([{ topic: Moved.topic, key: 'a', value: '{}', headers }]);
    await publish('a', 1);
    await eventually(() => seen.length === 1);
    expect((await metrics.page()).body).toMatch(/consumer_events_total\{consumer="spec.moves",outcome="skipped"\} 1/);
    expect(await letters()).toEqual([]);
  });

  it('has one relay at a time, and another takes over', async () => {
    const first = await start([on(Moved, record)]);
    const second = await startRig({ database: database.url, eventLog: eventLog.url }, [], { group: 'spec.other' });
    const leader = async (of: Rig): Promise<boolean> =>
      /^millrace_spec_relay_leader_bool 1$/m.test((await of.metrics.page()).body);
    try {
      await eventually(async () => expect([await leader(first), await leader(second)].filter(Boolean)).toHaveLength(1));
      await second.publish('a', 1); // committed in a process that may not lead: the leader is notified
      await eventually(() => seen.length === 1);
    } finally {
      await second.stop();
    }
    await eventually(() => leader(first));
    await first.publish('a', 2);
    await eventually(() => seen.length === 2);
  });

  it('refuses an event that no broker would carry, before it is written', async () => {
    const { messaging, persistence } = await start([]);
    const huge = { workspace: 'w', aggregateId: 'a', aggregateVersion: 1, data: { n: 1, text: 'x'.repeat(1_000_000) } };
    await expect(persistence.unitOfWork.run((tx) => messaging.publisher.publish(tx, Moved, huge))).rejects.toMatchObject({
      code: 'MESSAGING.EVENT_TOO_LARGE',
    });
  });
});
