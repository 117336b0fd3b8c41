// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';
import { useTestDatabase } from '#libs/testing';

describe('arrays as parameters', () => {
  const database = useTestDatabase('array-parameters-spec');
  const back = async (type: string, values: readonly unknown[]): Promise<unknown> =>
    (await database.db.query<{ values: unknown }>(`select $1::${type}[] as values`, [values]))[0].values;

  it.each([
    ['nothing', []],
    ['what an array literal quotes', ['a,b', '{c}', 'NULL', 'null', '', ' d ', 'it"s', "it's", '\\', '\\"', '\\n', '"']],
    ['what JSON escapes and Postgres does not', ['line\nfeed', 'tab\t', 'bell\u0007', '\b\f\r', 'a\\\nb']],
    ['other scripts', ['żółć', '日本語', '🌾', 'a\u2028b', '\u007f']],
    ['nulls among texts', ['a', null, 'b']],
    ['JSON as text', [JSON.stringify({ text: 'a "quoted"\nline \\ and \u0001' })]],
  ])('come back as they were: %s', async (_what, values) => {
    expect(await back('text', values)).toEqual(values);
  });

  it('come back as they were: texts of random characters', async () => {
    const random = seededRandom(20261129);
    const characters = ['"', '\\', '{', '}', ',', '\n', '\u0001', 'n', 'u', '0', ' ', 'é', '🌾', "'"];
    const text = (): string =>
      Array.from({ length: Math.floor(random() * 12) }, () => characters[Math.floor(random() * characters.length)]).join('');
    for (let n = 0; n < 200; n += 1) {
      const values = Array.from({ length: 20 }, text);
      expect(await back('text', values)).toEqual(values);
    }
  });

  it('come back as they were: numbers, booleans, JSON and nested ones', async () => {
    expect(await back('int', [1, -2, null, 0])).toEqual([1, -2, null, 0]);
    expect(await back('float8', [0.1, 1e21, -1e-7, Number.NaN, Number.POSITIVE_INFINITY])).toEqual([
      0.1,
      1e21,
      -1e-7,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]);
    expect(await back('boolean', [true, false, null])).toEqual([true, false, null]);
    expect(await back('jsonb', ['{"a": "\\n\\""}', 'null', '1'])).toEqual([{ a: '\n"' }, null, 1]);
    expect(
      await back('text', [
        ['a', 'b'],
        ['c"', 'd\\'],
      ]),
    ).toEqual([
      ['a', 'b'],
      ['c"', 'd\\'],
    ]);
  });

  it('refuses a NUL character, which no text of Postgres has', async () => {
    await expect(back('text', ['a\0b'])).rejects.toMatchObject({ details: { sqlstate: '22021' } });
  });
});
