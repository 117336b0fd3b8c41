// SPDX-License-Identifier: Apache-2.0
import { AppError, CommonErrors, defineErrors, hasCode, invalidFields, isAppError, listErrorCodes, toAppError } from './index';

describe('errors', () => {
  const SpecErrors = defineErrors('ERRORS_SPEC', { SHELF_FULL: { kind: 'exhausted', retry: 'later', help: 'No room.' } });

  it('gives each declared name a factory with the full code', () => {
    const cause = new Error('disk');
    const error = SpecErrors.SHELF_FULL('no room on shelf', { shelf: 3 }, cause);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      code: 'ERRORS_SPEC.SHELF_FULL',
      kind: 'exhausted',
      retry: 'later',
      details: { shelf: 3 },
      cause,
    });
  });

  it('lists every declared code once for the docs', () => {
    const codes = listErrorCodes().map((entry) => entry.code);
    expect(codes).toContain('ERRORS_SPEC.SHELF_FULL');
    expect(codes).toContain('COMMON.INTERNAL');
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('refuses a second declaration with another meaning', () => {
    expect(() => defineErrors('ERRORS_SPEC', { SHELF_FULL: { kind: 'invalid', retry: 'never', help: 'x' } })).toThrow(/twice/);
    expect(() => defineErrors('errors', {})).toThrow(/UPPER_SNAKE/);
  });

  it('finds a code anywhere in the chain of causes', () => {
    const outer = new Error('wrapped', { cause: SpecErrors.SHELF_FULL('no room') });
    expect(hasCode(outer, 'ERRORS_SPEC.SHELF_FULL')).toBe(true);
    expect(hasCode(outer, 'COMMON.INTERNAL')).toBe(false);
    expect(hasCode(undefined, 'COMMON.INTERNAL')).toBe(false);
  });

  it('names every refused field in the message', () => {
    const error = invalidFields({ field: 'name', message: 'is empty' }, { field: 'rows', message: 'is negative' });
    expect(error.message).toBe('name: is empty; rows: is negative');
    expect(error.details.violations).toHaveLength(2);
  });

  it('hides unknown errors but keeps them as cause', () => {
    const secret = new TypeError('password=hunter2');
    const error = toAppError(secret);
    expect(error.code).toBe('COMMON.INTERNAL');
    expect(error.message).not.toContain('hunter2');
    expect(error.cause).toBe(secret);
    expect(toAppError(error)).toBe(error);
  });

  it('reads aborts and timeouts of the platform', () => {
    expect(toAppError(new DOMException('x', 'AbortError')).kind).toBe('cancelled');
    expect(toAppError(new DOMException('x', 'TimeoutError')).kind).toBe('deadline');
  });

  it('recognises an AppError of another copy of the module', () => {
    const foreign = Object.assign(new Error('x'), {
      name: 'AppError',
      code: 'A.B',
      kind: 'invalid',
      retry: 'never',
      details: {},
    });
    expect(isAppError(foreign)).toBe(true);
    expect(isAppError({ code: 'A.B', kind: 'invalid', retry: 'never' })).toBe(false);
  });

  it('keeps everything when a retry hint is added', () => {
    const hinted = CommonErrors.RESOURCE_EXHAUSTED('slow down', { limit: 3 }).withRetryAfter(250);
    expect(hinted).toMatchObject({ code: 'COMMON.RESOURCE_EXHAUSTED', retryAfterMs: 250, details: { limit: 3 } });
  });
});
