// SPDX-License-Identifier: Apache-2.0
import { orInterrupted } from '#libs/testing';
import { BoundedPattern } from './bounded-pattern';

describe('BoundedPattern', () => {
  const patterns = [
    'abc',
    'a.c',
    '^abc$',
    'a|b|cd',
    '(ab|c)*d',
    'a{2,3}b',
    'a{2}$',
    'a{1,}',
    '[a-c]+x',
    '[^a-c]x',
    '\\d+\\.\\d{2}',
    '\\bcat\\b',
    '\\w\\s\\W',
    '(?:ab)?c',
    'a*?b',
    '\\Bat',
    '[\\d-]+z',
    '(a*)*b',
    'x|',
    '^$',
    '\\(\\)',
    '[]x]?a'.replace('[]x]?', '[x\\]]?'),
    '\\S{3} ',
  ];
  const texts = [
    '',
    'abc',
    'xabcx',
    'aab',
    'aaab',
    'cdcd',
    'ababcd',
    'ax',
    'dx',
    'bcx',
    '12.50',
    'a cat sat',
    'concat',
    'a b!',
    'c',
    'b',
    'bat at',
    '1-2z',
    'a()',
    ']a',
    'foo bar',
    'a\nc',
  ];

  it.each(patterns)('/%s/ agrees with the built-in engine on every text', (source) => {
    const pattern = new BoundedPattern(source);
    const builtIn = new RegExp(source);
    for (const text of texts) expect([text, pattern.test(text)]).toEqual([text, builtIn.test(text)]);
  });

  it.each(['AbC', '[a-c]X', '[^a]', 'É'])('/%s/i ignores case like the built-in engine', (source) => {
    const pattern = new BoundedPattern(source, true);
    const builtIn = new RegExp(source, 'i');
    for (const text of ['aBc', 'BX', 'A', 'a', 'b', 'é', ''])
      expect([text, pattern.test(text)]).toEqual([text, builtIn.test(text)]);
  });

  it('stays linear where backtracking engines explode', () => {
    const found = (pattern: string, text: string): boolean => orInterrupted(() => new BoundedPattern(pattern).test(text));
    expect(found('(a+)+$', 'a'.repeat(50_000) + 'b')).toBe(false);
    expect(found('(a|aa)*c', 'a'.repeat(50_000))).toBe(false);
    expect(found('a*a*a*a*b', 'a'.repeat(50_000))).toBe(false);
  });

  it.each([
    ['a(b', '")" is missing at character 4'],
    ['[ab', '"]" is missing'],
    ['*a', 'repeats nothing'],
    ['a**', 'a repetition follows a repetition'],
    ['(?=a)', 'look-around'],
    ['(a)\\1', 'not supported'],
    ['a{300}', 'above 200'],
    ['a{3,2}', 'wrong order'],
    ['(a{200}){200}', 'more than 2000 steps'],
    ['((((){200}){200}){200}){200}', 'more than 2000 steps'],
    ['[z-a]', 'wrong order'],
    ['a)', 'unexpected ")"'],
    ['\\', 'ends the pattern'],
    ['('.repeat(30), 'nested deeper'],
    ['x'.repeat(501), 'longer than 500'],
  ])('/%s/ is refused with its place', (source, message) => {
    expect(() => new BoundedPattern(source)).toThrow(message);
  });
});
