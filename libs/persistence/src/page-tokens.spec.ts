// SPDX-License-Identifier: Apache-2.0
import { decodePageToken, encodePageToken, pageSize } from './page-tokens';

describe('page tokens', () => {
  it('come back with their keys, dates as text', () => {
    const token = encodePageToken([new Date(0), 'id/1', 7, null], { state: 'open' });
    expect(decodePageToken(token, 4, { state: 'open' })).toEqual(['1970-01-01T00:00:00.000Z', 'id/1', 7, null]);
    expect(decodePageToken('', 4)).toBeUndefined();
  });

  it.each([
    ['garbage', '%%%'],
    ['another list', encodePageToken(['a', 'b'])],
    ['an object as key', Buffer.from(JSON.stringify([1, 'x', {}])).toString('base64url')],
    ['other filters', encodePageToken(['a'], { state: 'closed' })],
  ])('are refused by field: %s', (_name, token) => {
    expect(() => decodePageToken(token, 1)).toThrow(
      expect.objectContaining({
        code: 'COMMON.INVALID_ARGUMENT',
        details: { violations: [expect.objectContaining({ field: 'page_token' })] },
      }),
    );
  });

  it('bound the page size', () => {
    expect([pageSize(undefined), pageSize(0), pageSize(7), pageSize(10_000)]).toEqual([50, 50, 7, 1000]);
    expect(() => pageSize(-1)).toThrow(/page_size/);
    expect(() => pageSize(1.5)).toThrow(/page_size/);
  });
});
