// SPDX-License-Identifier: Apache-2.0
import { AppError, CommonErrors, type ErrorKind, type Retry } from '#libs/errors';
import { FakeClock } from '#libs/clock';
import { classify } from './classify';
import { MessagingErrors } from './messaging.errors';
import { PauseClock } from './pause-clock';

const error = (kind: ErrorKind, retry: Retry, code = 'SPEC.X') => new AppError({ code, kind, retry, message: 'm' });

describe('what becomes of a failure', () => {
  it.each([
    ['a lasting refusal', error('invalid', 'never'), 'dead-letter', undefined],
    ['a conflict worth a try', error('conflict', 'in-place'), 'retry', 3],
    ['a bug', new TypeError('x'), 'retry', 3],
    ['a string', 'thrown', 'retry', 3],
    ['a handler without end', MessagingErrors.HANDLER_TIMEOUT('x'), 'retry', 2],
    ['a peer that is away', CommonErrors.UNAVAILABLE('x'), 'pause', undefined],
    ['a full peer', CommonErrors.RESOURCE_EXHAUSTED('x'), 'pause', undefined],
    ['contention', error('conflict', 'in-place', 'PERSISTENCE.SERIALIZATION'), 'pause', undefined],
    ['a refused connection', Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'pause', undefined],
    ['fetch on a refused connection', new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }), 'pause', undefined],
  ])('%s', (_name, thrown, action, triesMax) => {
    expect(classify(thrown)).toMatchObject({ action, ...(triesMax === undefined ? {} : { triesMax }) });
  });

  it('bounds waiting, except for outages', () => {
    expect(classify(CommonErrors.UNAVAILABLE('x'))).toMatchObject({ bounded: false });
    expect(classify(error('precondition', 'later'))).toMatchObject({ bounded: true });
    expect(classify(CommonErrors.DEADLINE('x'))).toMatchObject({ bounded: true });
  });
});

describe('how long a partition waits', () => {
  const head = { topic: 't', partition: 0, offset: '5', key: null, value: null, headers: {}, time: new Date(0) };

  it('doubles up to 30 s, counts attempts, and starts over after progress', () => {
    const pauses = new PauseClock(new FakeClock(), () => 0.5, 1_000);
    const away = CommonErrors.UNAVAILABLE('x');
    const first = Array.from({ length: 12 }, () => pauses.next(head, away, false).pauseMs);
    expect(first.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(Math.max(...first)).toBe(30_000);
    expect(pauses.attemptOf(head)).toBe(13);
    pauses.progressed(head);
    expect(pauses.next(head, away.withRetryAfter(700), false).pauseMs).toBe(700);
  });

  it('expires only by bounded waiting; an outage in between starts it anew', async () => {
    const clock = new FakeClock();
    const pauses = new PauseClock(clock, () => 0.5, 1_000);
    const gap = error('precondition', 'later');
    expect(pauses.next(head, gap, true).expired).toBe(false);
    await clock.advance(900);
    expect(pauses.next(head, CommonErrors.UNAVAILABLE('x'), false).expired).toBe(false);
    await clock.advance(900);
    expect(pauses.next(head, gap, true).expired).toBe(false);
    await clock.advance(1_001);
    expect(pauses.next(head, gap, true).expired).toBe(true);
  });
});
