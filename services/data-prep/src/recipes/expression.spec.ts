// SPDX-License-Identifier: Apache-2.0
import { Expression } from './expression';
import { formatRow, parseRow } from './recipe-rows';
import { MissingValue, Template } from './template';

const row = {
  text: 'A small cat sat',
  n: 7,
  score: 0.5,
  tags: ['a', 'b'],
  meta: { source: 'web', 'x-y': 1 },
  'dotted.name': 'yes',
  nothing: null,
};
const value = (source: string) => new Expression(source).evaluate(row);

describe('Expression', () => {
  it.each([
    ['n == 7 and score < 1', true],
    ['n > 7 or score >= 0.5', true],
    ['not n > 7', true],
    ['not (n == 7) or false', false],
    ['1 + 2 * 3 == 7', true],
    ['(1 + 2) * 3 == 9', true],
    ['-n + 10 == 3', true],
    ['10 - 2 - 3 == 5', true],
    ["meta.source in ['web', 'book']", true],
    ["meta.source not in ['book']", true],
    ["'cat' in text", true],
    ['`dotted.name` == "yes"', true],
    ['meta.x-y == 1', true],
    ['length(text) == 15 and words(text) == 4', true],
    ['length(tags) == 2 and contains(tags, "b")', true],
    ["starts_with(lower(text), 'a small') and ends_with(text, 'sat')", true],
    ["matches(text, '\\bcat\\b')", true],
    ["matches(text, 'CAT', 'i')", true],
    ["matches(text, '^cat')", false],
    ['is_missing(nothing) and is_missing(absent) and absent == null', true],
    ['absent > 3', false],
    ['absent < 3', false],
    ['text > 3', false],
    ["type(tags) == 'array' and type(absent) == 'missing'", true],
    ['n != 7', false],
    ["number('12') > n", true],
  ])('%s is %s', (source, expected) => expect(value(source)).toBe(expected));

  it.each([
    ['n = 7', 'unexpected "=" at character 3'],
    ['n ==', 'unexpected end'],
    ['(n == 7', 'unexpected end'],
    ['lenght(text) > 3', 'unknown function lenght; did you mean length?'],
    ['words(text, 3) > 3', 'words takes 1 argument, not 2'],
    ['matches(text, n)', 'a pattern in quotes'],
    ["matches(text, '(a')", 'pattern "(a": ")" is missing'],
    ["matches(text, 'a', 'g')", "knows the flag 'i'"],
    ['n; process.exit()', 'unexpected ";"'],
    ['and n', 'unexpected "and"'],
    ['('.repeat(50), 'nested deeper'],
    ['a'.repeat(2_001), 'longer than 2000'],
  ])('%s is refused', (source, message) => expect(() => new Expression(source)).toThrow(message));

  it('reaches nothing but own fields of the row', () => {
    for (const path of ['constructor', '__proto__', 'toString', 'meta.constructor', 'text.length', 'tags.length']) {
      expect(new Expression(`is_missing(${path})`).evaluate(row)).toBe(true);
    }
  });

  it('explains the part that failed with the value of the row', () => {
    expect(new Expression('n == 7 and words(text) >= 5').failure(row)).toEqual({
      rule: 'words(text) >= 5',
      value: 4,
      threshold: 5,
    });
    expect(new Expression("meta.source in ['book']").failure(row)).toEqual({
      rule: "meta.source in ['book']",
      value: 'web',
      threshold: ['book'],
    });
    expect(new Expression("not matches(text, 'cat')").failure(row)).toEqual({
      rule: "not matches(text, 'cat')",
      value: row.text,
      threshold: 'cat',
    });
    expect(new Expression('absent > 3').failure(row)).toEqual({ rule: 'absent > 3', value: undefined, threshold: 3 });
    expect(new Expression('n == 7').failure(row)).toBeUndefined();
  });
});

describe('Template', () => {
  it.each([
    ['{{ text | lower }}\nDomain:', 'a small cat sat\nDomain:'],
    ['{{n}}', 7],
    ['n={{n}}', 'n=7'],
    ["{{ meta.source | upper | replace('W', 'v') }}", 'vEB'],
    ["{{ absent | default('none') }}!", 'none!'],
    ['{{ text | truncate(7) | trim }}', 'A small'],
    ['plain', 'plain'],
    ["{{ text | replace(' ', '|') }}", 'A|small|cat|sat'],
    ['{{ tags | json }}', '["a","b"]'],
    ['', ''],
  ])('%j renders %j', (source, expected) => expect(new Template(source).render(row) ?? '').toEqual(expected));

  it('says which value is missing instead of writing "undefined"', () => {
    expect(new Template('{{absent}} x').render(row)).toEqual(new MissingValue('absent'));
    expect(new Template('{{nothing | lower}}').render(row)).toEqual(new MissingValue('nothing'));
  });

  it.each([
    ['{{ text', 'without "}}"'],
    ['{{ text | lowr }}', 'unknown filter lowr; did you mean lower?'],
    ['{{ text | truncate("x") }}', 'filter truncate takes (number)'],
    ['{{ 1 + 1 }}', 'does not name a field'],
    ['{{}}', 'does not name a field'],
  ])('%j is refused', (source, message) => expect(() => new Template(source)).toThrow(message));
});

describe('rows', () => {
  it('keep integers beyond 2^53, odd names and the row id', () => {
    const line =
      '{"_row_id":"r1","big":9007199254740993,"list":[-12345678901234567890],"text":"12345678901234567 \\" 1","__proto__":{"x":1},"n":1.5}';
    const parsed = parseRow(line, 3);
    expect(parsed.id).toBe('r1');
    expect(formatRow(parsed)).toBe(line);
    expect(new Expression('big > 9007199254740000').evaluate(parsed.data)).toBe(true);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});
