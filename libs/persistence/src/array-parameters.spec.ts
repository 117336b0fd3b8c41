// SPDX-License-Identifier: Apache-2.0
import { withArrayLiterals } from './array-parameters';

// That Postgres reads these literals as what they were made of: test/array-parameters.e2e-spec.ts.
describe('array parameters', () => {
  it('become literals where JSON writes what Postgres reads', () => {
    expect(withArrayLiterals(['text', ['a', 'b,"\\', null], [1, true], []])).toEqual([
      'text',
      '{"a","b,\\"\\\\",null}',
      '{1,true}',
      '{}',
    ]);
  });

  it.each([
    ['control characters', ['a', 'line\nfeed']],
    ['surrogates', ['🌾']],
    ['dates', [new Date(0)]],
    ['numbers that JSON has not', [Number.NaN]],
    ['arrays', [['a']]],
  ])('are left to the driver where they hold %s', (_what, values) => {
    expect(withArrayLiterals([values])).toEqual([values]);
  });

  it('copies nothing without an array', () => {
    const params = ['a', 1];
    expect(withArrayLiterals(params)).toBe(params);
    expect(withArrayLiterals(undefined)).toBeUndefined();
  });
});
