// SPDX-License-Identifier: Apache-2.0
import { assertPublicUrl, isPublicAddress, OutboundHttp } from './outbound';

describe('assertPublicUrl', () => {
  it.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.0.0.1/',
    'http://10.1.2.3',
    'http://169.254.169.254/latest/meta-data',
    'http://168.63.129.16/machine?comp=goalstate',
    'http://[::1]:8080/',
    'http://[::ffff:127.0.0.1]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://localhost:7100/',
    'http://localhost./',
    'http://db.internal/',
    'http://db.internal./',
    'http://0.0.0.0/',
    'ftp://example.org/',
    'file:///etc/passwd',
    'http://user:pass@example.org/',
    'not a url',
  ])('refuses %s', (url) => {
    expect(() => assertPublicUrl(url)).toThrow(expect.objectContaining({ code: 'OUTBOUND.ADDRESS_REFUSED' }));
  });

  it('lets public addresses and allowed hosts through', () => {
    expect(assertPublicUrl('https://hooks.example.org/x').hostname).toBe('hooks.example.org');
    expect(assertPublicUrl('http://93.184.216.34/').hostname).toBe('93.184.216.34');
    expect(assertPublicUrl('http://127.0.0.1:9000/', ['127.0.0.1:9000']).port).toBe('9000');
    expect(() => assertPublicUrl('http://127.0.0.1:9001/', ['127.0.0.1:9000'])).toThrow();
    expect(assertPublicUrl('http://127.0.0.1:9001/', ['127.0.0.1']).port).toBe('9001');
  });

  it('knows forms that embed an address', () => {
    expect(isPublicAddress('2002:7f00:1::')).toBe(false);
    expect(isPublicAddress('64:ff9b::7f00:1')).toBe(false);
    expect(isPublicAddress('2606:4700::1111')).toBe(true);
    expect(isPublicAddress('nonsense')).toBe(false);
  });
});

describe('OutboundHttp', () => {
  // Names whose owner says what they mean: the URL shows nothing of it.
  it.each([
    [['127.0.0.1']],
    [['10.1.2.3']],
    [['169.254.169.254']],
    [['::1']],
    [['fd00::1']],
    [['::ffff:127.0.0.1']],
    [['::ffff:7f00:1']],
    [['2002:7f00:1::']],
    [['2001:0:4136:e378:8000:63bf:3fff:fdd2']],
    [['64:ff9b::7f00:1']],
    [['93.184.216.34', '127.0.0.1']],
    [[]],
  ])('refuses a public name that resolves to %j', async (addresses: string[]) => {
    const asked: string[] = [];
    const outbound = new OutboundHttp([], {
      resolve: async (hostname) => {
        asked.push(hostname);
        return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      },
    });
    for (const address of ['http://hooks.example.org/x', 'https://hooks.example.org/x']) {
      expect(assertPublicUrl(address).hostname).toBe('hooks.example.org');
      await expect(outbound.request(address)).rejects.toMatchObject({ code: 'OUTBOUND.ADDRESS_REFUSED' });
    }
    // Once for each connection: a second look could get another answer.
    expect(asked).toEqual(['hooks.example.org', 'hooks.example.org']);
    await outbound.close();
  });
});
