// SPDX-License-Identifier: Apache-2.0
import { decodePageToken, encodePageToken, type KeyKind, pageSize } from './page-tokens';

describe('page tokens', () => {
  const id = '01a2244e-e211-7244-9ff7-eaf8fc48be86';

  it('come back with their keys, dates as text', () => {
    const token = encodePageToken([new Date(0), id, 'a/1', 7, 0.5], { state: 'open' });
    const kinds: KeyKind[] = ['time', 'uuid', 'text', 'integer', 'number'];
    expect(decodePageToken(token, kinds, { state: 'open' })).toEqual(['1970-01-01T00:00:00.000Z', id, 'a/1', 7, 0.5]);
    expect(decodePageToken('', ['text'])).toBeUndefined();
  });

  it('take times and large numbers as Postgres writes them', () => {
    const keys = ['2026-11-28 23:01:54.123456+00', '9007199254740993', '-9223372036854775808'];
    expect(decodePageToken(encodePageToken(keys), ['time', 'integer', 'integer'])).toEqual(keys);
  });

  const refusal = expect.objectContaining({
    code: 'COMMON.INVALID_ARGUMENT',
    details: { violations: [expect.objectContaining({ field: 'page_token' })] },
  });
  const changed = (token: string, change: (parts: unknown[]) => void): string => {
    const parts = JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown[];
    change(parts);
    return Buffer.from(JSON.stringify(parts)).toString('base64url');
  };

  it.each([
    ['garbage', '%%%'],
    ['no list', Buffer.from('{}').toString('base64url')],
    ['another number of keys', encodePageToken(['a', 'b'])],
    ['an object as key', changed(encodePageToken(['a']), (parts) => (parts[3] = {}))],
    ['another key than it was made with', changed(encodePageToken(['a']), (parts) => (parts[3] = 'b'))],
    ['cut', encodePageToken(['a']).slice(0, -3)],
    ['an older form', changed(encodePageToken(['a']), (parts) => (parts[0] = 1))],
    ['other filters', encodePageToken(['a'], { state: 'closed' })],
  ])('are refused by field: %s', (_name, token) => {
    expect(() => decodePageToken(token, ['text'])).toThrow(refusal);
  });

  // Made by somebody who read this file: what SQL cannot compare with would be an error of ours.
  it.each<[KeyKind, (string | number | boolean | null)[]]>([
    ['text', [7, null, true, 'a\0b', '\ud800']],
    ['integer', ['x', 1.5, 1e300, null, '9'.repeat(40), '9223372036854775808', '']],
    ['number', ['1', null, false]],
    ['time', ['yesterday', '2026-13-45T00:00:00Z', '2026-02-01', 7, "2026-01-01T00:00:00Z'; drop table"]],
    ['uuid', ['1', `${id}x`, 7]],
  ])('are refused with keys of another kind than %s', (kind, keys) => {
    for (const key of keys) expect(() => decodePageToken(encodePageToken([key]), [kind])).toThrow(refusal);
  });

  it('bound the page size', () => {
    expect([pageSize(undefined), pageSize(0), pageSize(7), pageSize(10_000)]).toEqual([50, 50, 7, 1000]);
    expect(() => pageSize(-1)).toThrow(/page_size/);
    expect(() => pageSize(1.5)).toThrow(/page_size/);
  });
});
