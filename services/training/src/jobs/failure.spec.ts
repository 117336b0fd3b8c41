// SPDX-License-Identifier: Apache-2.0
import { classifyProcessEnd, decideRetry, type FailureClass } from './failure';

const policy = { attemptsMax: 3, backoffSeconds: 2, backoffSecondsMax: 5 };
const end = { exitCode: null, signal: null, stderrTail: '', unseen: false };

describe('decideRetry', () => {
  it.each<[FailureClass, boolean]>([
    ['data', false],
    ['user', false],
    ['out-of-memory', false],
    ['quota', false],
    ['infrastructure', true],
    ['lost', true],
  ])('a failure of class %s: another attempt %s', (failureClass, retry) => {
    expect(decideRetry(failureClass, 1, policy).retry).toBe(retry);
  });

  it('doubles the delay up to its bound and stops after the allowed attempts', () => {
    expect(decideRetry('lost', 1, policy)).toEqual({ retry: true, delaySeconds: 2 });
    expect(decideRetry('lost', 2, policy)).toEqual({ retry: true, delaySeconds: 4 });
    expect(decideRetry('lost', 3, policy)).toEqual({ retry: false, reason: '3 of 3 attempts failed' });
    expect(decideRetry('lost', 5, { ...policy, attemptsMax: 9 })).toEqual({ retry: true, delaySeconds: 5 });
  });
});

describe('classifyProcessEnd', () => {
  it('knows memory, signals, vanished processes and exit statuses apart', () => {
    const heap = {
      ...end,
      signal: 'SIGABRT',
      stderrTail: 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    };
    expect(classifyProcessEnd(heap)).toMatchObject({ failureClass: 'out-of-memory', code: 'TRAINING.OUT_OF_MEMORY' });
    expect(classifyProcessEnd({ ...end, signal: 'SIGKILL' })).toMatchObject({
      failureClass: 'infrastructure',
      code: 'TRAINING.TRAINER_KILLED',
    });
    expect(classifyProcessEnd({ ...end, unseen: true })).toMatchObject({ failureClass: 'lost', code: 'TRAINING.TRAINER_LOST' });
    expect(classifyProcessEnd({ ...end, exitCode: 65 })).toMatchObject({ failureClass: 'data' });
    expect(classifyProcessEnd({ ...end, exitCode: 75 })).toMatchObject({ failureClass: 'infrastructure' });
    expect(classifyProcessEnd({ ...end, exitCode: 1, stderrTail: 'TypeError: no' })).toMatchObject({
      failureClass: 'user',
      message: 'the trainer exited with status 1 without a result; it said: TypeError: no',
    });
  });
});
