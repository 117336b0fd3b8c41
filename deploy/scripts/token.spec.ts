// SPDX-License-Identifier: Apache-2.0
import { Authenticator } from '#libs/auth';
import { makeToken, parseTokenOptions, TokenUsageError } from './token';

const AUTH_SIGNING_KEY = 'a secret that is long enough for HS256';

describe('npm run token', () => {
  it('makes a token that the platform accepts', async () => {
    const options = parseTokenOptions(['--subject', 'you@example.org', '--role', 'approver', '--workspace', 'team-a'], {});
    const token = await makeToken(options, { AUTH_SIGNING_KEY });
    expect(await new Authenticator({ auth: 'on', authSigningKey: AUTH_SIGNING_KEY }).verify(token)).toEqual({
      subject: 'you@example.org',
      kind: 'user',
      roles: { 'team-a': 'approver' },
    });
  });

  it.each([
    [[], '--subject'],
    [['--subject', 'service:training'], '--subject'],
    [['--subject', 'a', '--role', 'boss'], '--role: "boss" is none of viewer, editor, approver, admin'],
    [['--subject', 'a', '--workspace', 'A/B'], '--workspace'],
    [['--subject', 'a', '--hours', '0'], '--hours'],
    [['--subject', 'a', '--nonsense'], 'nonsense'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseTokenOptions(argv, {})).toThrow(message);
  });

  it('says what to do when there is no platform', async () => {
    const options = parseTokenOptions(['--subject', 'a', '--home', 'nowhere-at-all'], {});
    await expect(makeToken(options, {})).rejects.toThrow(TokenUsageError);
  });
});
