// SPDX-License-Identifier: Apache-2.0
import { Authenticator } from './authenticator';
import { parsePlatformKey } from './platform-key';
import { mintToken } from './tokens';
import { VerifiedTokens } from './verified-tokens';

const principal = { subject: 'a', kind: 'user' as const, roles: {} };

describe('VerifiedTokens', () => {
  it('knows a token until its end, and no other', () => {
    const tokens = new VerifiedTokens();
    tokens.remember('t', principal, 1_000);
    expect([tokens.find('t', 999), tokens.find('T', 999), tokens.find('t', 1_000), tokens.find('t', 999)]).toEqual([
      principal,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('keeps a bounded number and forgets the oldest', () => {
    const tokens = new VerifiedTokens();
    for (let n = 0; n <= 1_000; n += 1) tokens.remember(`t${n}`, principal, 10);
    expect([tokens.find('t0', 1), tokens.find('t1', 1), tokens.find('t1000', 1)]).toEqual([undefined, principal, principal]);
  });

  it('lets no altered or expired token in beside a known one', async () => {
    const secret = 'a secret that is long enough for HS256';
    const authenticator = new Authenticator({ auth: 'on', authSigningKey: secret });
    const request = { subject: 'a', roles: { '*': 'viewer' as const } };
    const token = await mintToken(parsePlatformKey(secret), { ...request, expiresInSeconds: 60 });
    const ended = await mintToken(parsePlatformKey(secret), { ...request, expiresInSeconds: -60 });
    const [first, second] = [await authenticator.verify(token), await authenticator.verify(token)];
    expect(second).toEqual(first);
    const altered = token.slice(0, -2) + (token.endsWith('AA') ? 'BB' : 'AA');
    await expect(authenticator.verify(altered)).rejects.toMatchObject({ code: 'COMMON.UNAUTHENTICATED' });
    await expect(authenticator.verify(ended)).rejects.toMatchObject({ code: 'COMMON.UNAUTHENTICATED' });
    await expect(authenticator.verify(ended)).rejects.toThrow('has expired');
  });
});
