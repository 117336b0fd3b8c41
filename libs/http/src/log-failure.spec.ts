// SPDX-License-Identifier: Apache-2.0
import { CommonErrors, type AppError } from '#libs/errors';
import { createLogger } from '#libs/observability';
import { logFailure } from './log-failure';

const request = { requestId: 'req-7', method: 'POST', path: '/api/v1/jobs' };

function linesOf(error: AppError): Record<string, unknown>[] {
  const lines: string[] = [];
  logFailure(createLogger('spec', 'info', { write: (line) => void lines.push(line) }), error, request);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log of a failed request', () => {
  it('says at warn that an answer ran out of time, by request, code and reason, without the cause', () => {
    const error = CommonErrors.DEADLINE('the database did not answer in time', {}, new Error('select canary-of-a-body'));
    const [line, ...more] = linesOf(error);
    const expected = { ...request, code: 'COMMON.DEADLINE', reason: 'the database did not answer in time' };
    expect(line).toMatchObject({ level: 'warn', msg: 'http request ran out of time', ...expected });
    expect(JSON.stringify(line)).not.toContain('canary');
    expect(more).toEqual([]);
  });

  it('says at error that there is a bug, with its stack', () => {
    const [line] = linesOf(CommonErrors.INTERNAL('internal error', {}, new TypeError('x is not a function')));
    expect(line).toMatchObject({ level: 'error', ...request, err: { cause: { name: 'TypeError' } } });
  });

  it.each([
    CommonErrors.REQUEST_TIMEOUT('the body comes too slowly'),
    CommonErrors.CANCELLED('the client went away'),
    CommonErrors.INVALID_ARGUMENT('is wrong'),
    CommonErrors.UNAVAILABLE('the service is stopping'),
  ])('says nothing of $code', (error) => {
    expect(linesOf(error)).toEqual([]);
  });
});
