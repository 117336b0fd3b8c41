// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import {
  assertSafeBinding,
  AnyWorkspace,
  Authenticator,
  hasRole,
  LOCAL_ADMIN,
  mintToken,
  parsePlatformKey,
  requireRole,
  roleIn,
  ServiceTokens,
  StoredWorkspaces,
  type Principal,
} from './index';

const SECRET = 'a secret that is long enough for HS256';
const key = parsePlatformKey(SECRET);
const ada = { subject: 'ada@example.org', roles: { default: 'editor' as const }, expiresInSeconds: 60 };

describe('Authenticator', () => {
  const on = new Authenticator({ auth: 'on', authSigningKey: SECRET });
  const off = new Authenticator({ auth: 'off', authSigningKey: SECRET });

  it('reads Bearer, and Basic with the token as password', async () => {
    const token = await mintToken(key, ada);
    const expected = { subject: 'ada@example.org', kind: 'user', roles: { default: 'editor' } };
    expect(await on.authenticate(`Bearer ${token}`)).toEqual(expected);
    expect(await on.authenticate(`Basic ${Buffer.from(`ada:${token}`).toString('base64')}`)).toEqual(expected);
  });

  it('treats callers without a token as local admin only where it is off', async () => {
    expect(await off.authenticate(undefined)).toBe(LOCAL_ADMIN);
    await expect(on.authenticate(undefined)).rejects.toMatchObject({ code: 'COMMON.UNAUTHENTICATED' });
  });

  it('verifies a presented token also where it is off', async () => {
    expect((await off.authenticate(`Bearer ${await mintToken(key, ada)}`)).subject).toBe('ada@example.org');
    const forged = await mintToken(parsePlatformKey(`${SECRET} but another`), ada);
    await expect(off.authenticate(`Bearer ${forged}`)).rejects.toThrow('the token has a wrong signature');
  });

  it.each([
    ['garbage', 'Bearer garbage'],
    ['no value', 'Bearer'],
    ['other scheme', 'Digest abc'],
    ['basic without colon', `Basic ${Buffer.from('nothing').toString('base64')}`],
  ])('refuses %s', async (_name, header) => {
    await expect(on.authenticate(header)).rejects.toMatchObject({ code: 'COMMON.UNAUTHENTICATED' });
  });

  it('refuses expired, foreign, unsigned and role-typo tokens', async () => {
    const expired = await mintToken(key, { ...ada, expiresInSeconds: -120 });
    await expect(on.authenticate(`Bearer ${expired}`)).rejects.toThrow('has expired');
    const foreign = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('https://evil')
      .setSubject('x')
      .sign(key.sign);
    await expect(on.authenticate(`Bearer ${foreign}`)).rejects.toThrow('unknown issuer');
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unsigned = `${part({ alg: 'none' })}.${part({ iss: 'millrace', aud: 'millrace', sub: 'x', exp: 9e9, roles: { '*': 'admin' } })}.`;
    await expect(on.authenticate(`Bearer ${unsigned}`)).rejects.toMatchObject({ code: 'COMMON.UNAUTHENTICATED' });
    const typo = await mintToken(key, { ...ada, roles: { default: 'amdin' as never } });
    await expect(on.authenticate(`Bearer ${typo}`)).rejects.toThrow('unknown role');
  });

  it('never repeats the token in its message', async () => {
    const token = await mintToken(key, { ...ada, expiresInSeconds: -120 });
    await expect(on.authenticate(`Bearer ${token}`)).rejects.not.toThrow(token);
  });

  it('signs and verifies with an Ed25519 key, and does not take HS256 for it', async () => {
    const jwk = JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));
    const authenticator = new Authenticator({ auth: 'on', authSigningKey: jwk });
    expect((await authenticator.authenticate(`Bearer ${await mintToken(authenticator.key!, ada)}`)).subject).toBe(
      'ada@example.org',
    );
    await expect(authenticator.authenticate(`Bearer ${await mintToken(key, ada)}`)).rejects.toMatchObject({
      code: 'COMMON.UNAUTHENTICATED',
    });
  });
});

describe('a rotation of the platform key', () => {
  const next = 'the key that comes after, long enough for HS256';
  const former = new Authenticator({ auth: 'on', authSigningKey: SECRET, authAcceptedKey: next });
  const coming = new Authenticator({ auth: 'on', authSigningKey: next, authAcceptedKey: SECRET });
  const done = new Authenticator({ auth: 'on', authSigningKey: next });

  it('accepts tokens of both keys in both roles while it lasts, and the former no more when it is over', async () => {
    const byFormer = await mintToken(key, ada);
    const byNext = await mintToken(parsePlatformKey(next), ada);
    for (const authenticator of [former, coming]) {
      expect((await authenticator.verify(byFormer)).subject).toBe(ada.subject);
      expect((await authenticator.verify(byNext)).subject).toBe(ada.subject);
    }
    expect((await done.verify(byNext)).subject).toBe(ada.subject);
    await expect(done.verify(byFormer)).rejects.toThrow('wrong signature');
    const strange = await mintToken(parsePlatformKey(`${SECRET} but another`), ada);
    await expect(coming.verify(strange)).rejects.toThrow('wrong signature');
  });

  it('names the variable that is wrong', () => {
    expect(() => new Authenticator({ auth: 'on', authAcceptedKey: 'short' })).toThrow(/^AUTH_ACCEPTED_KEY: .*32 bytes/);
  });
});

describe('platform key', () => {
  it('refuses short secrets and other keys, without showing them', () => {
    expect(() => parsePlatformKey('short')).toThrow('at least 32 bytes');
    expect(() => parsePlatformKey('{"kty":"RSA","d":"canary"}')).toThrow(/not an Ed25519/);
    expect(() => parsePlatformKey('{"canary')).toThrow(/^AUTH_SIGNING_KEY: the JWK is not JSON$/);
  });
});

describe('roles', () => {
  const eve: Principal = { subject: 'eve', kind: 'user', roles: { a: 'viewer', '*': 'editor' } };

  it('include the lower ones, and the wider of workspace and * counts', () => {
    expect(roleIn(eve, 'a')).toBe('editor');
    expect(hasRole(eve, 'b', 'viewer')).toBe(true);
    expect(hasRole(eve, 'b', 'approver')).toBe(false);
    expect(roleIn({ ...eve, roles: {} }, 'toString')).toBeUndefined();
    expect(() => requireRole(eve, 'b', 'admin')).toThrow('eve needs role admin in workspace "b"');
  });
});

describe('assertSafeBinding', () => {
  it('refuses open ports without identity', () => {
    expect(() => assertSafeBinding('off', ['127.0.0.1', 'localhost', '::1', '[::1]'])).not.toThrow();
    expect(() => assertSafeBinding('off', ['127.0.0.1', '0.0.0.0'])).toThrow('binds to 0.0.0.0');
    expect(() => assertSafeBinding('off', ['::'])).toThrow();
    expect(() => assertSafeBinding('on', ['0.0.0.0'])).not.toThrow();
  });
});

describe('workspaces', () => {
  it('are well-formed', async () => {
    const any = new AnyWorkspace();
    await expect(any.ensure('team-1')).resolves.toBeUndefined();
    for (const bad of ['', '-a', 'A', 'a/b', '..', 'x'.repeat(64), "a'; drop table x"]) {
      await expect(any.ensure(bad)).rejects.toMatchObject({ code: 'COMMON.INVALID_ARGUMENT' });
    }
  });

  it('appear on first use in auto mode, once, and must exist in explicit mode', async () => {
    const statements: string[] = [];
    const database = { query: async (sql: string) => (statements.push(sql), []) };
    const auto = new StoredWorkspaces(database, 'auto');
    await auto.ensure('default');
    await auto.ensure('team-a');
    await auto.ensure('team-a');
    expect(statements).toHaveLength(1);
    const explicit = new StoredWorkspaces(database, 'explicit');
    await expect(explicit.ensure('team-b')).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    await expect(explicit.ensure('default')).resolves.toBeUndefined();
  });
});

describe('service tokens', () => {
  it('are reused while fresh and name the service', async () => {
    const tokens = new ServiceTokens('training', key);
    const token = await tokens.current();
    expect(await tokens.current()).toBe(token);
    expect(await new Authenticator({ auth: 'on', authSigningKey: SECRET }).verify(token!)).toEqual({
      subject: 'service:training',
      kind: 'service',
      roles: { '*': 'admin' },
    });
    expect(await new ServiceTokens('training', undefined).current()).toBeUndefined();
  });
});
