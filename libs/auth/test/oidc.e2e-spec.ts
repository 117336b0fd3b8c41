// SPDX-License-Identifier: Apache-2.0
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, SignJWT } from 'jose';
import { Authenticator } from '../src';

describe('tokens of an OpenID Connect issuer', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let server: Server;
  let issuer: string;
  let down = false;
  let claimed: string | undefined;

  beforeAll(async () => {
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
    server = createServer((request, response) => {
      if (down) return void response.writeHead(500).end();
      const body = request.url?.startsWith('/.well-known')
        ? { issuer: claimed ?? issuer, jwks_uri: `${issuer}/keys` }
        : { keys: [jwk] };
      response.setHeader('content-type', 'application/json').setHeader('connection', 'close').end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const make = (): Authenticator =>
    new Authenticator({ auth: 'on', oidcIssuer: issuer, oidcAudience: 'millrace', oidcRolesClaim: 'roles' });
  const sign = (
    claims: Record<string, unknown>,
    options: { audience?: string; key?: KeyObject; expires?: string } = {},
  ): Promise<string> =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .setIssuer(issuer)
      .setAudience(options.audience ?? 'millrace')
      .setSubject('user-7')
      .setExpirationTime(options.expires ?? '1m')
      .sign(options.key ?? privateKey);

  it('are verified with its published keys and carry roles in the configured claim', async () => {
    const token = await sign({ roles: { default: 'approver' }, email: 'ada@example.org', email_verified: true });
    expect(await make().authenticate(`Bearer ${token}`)).toEqual({
      subject: 'ada@example.org',
      kind: 'user',
      roles: { default: 'approver' },
    });
    const unverified = await sign({ roles: {}, email: 'eve@example.org' });
    expect((await make().authenticate(`Bearer ${unverified}`)).subject).toBe('user-7');
  });

  it('are refused with another key, audience, time or claim', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    for (const token of [
      await sign({}, { key: other }),
      await sign({}, { audience: 'somebody-else' }),
      await sign({}, { expires: '-10m' }),
      await sign({ roles: { default: 'owner' } }),
      await sign({ roles: ['admin'] }),
    ]) {
      await expect(make().authenticate(`Bearer ${token}`)).rejects.toMatchObject({ code: 'COMMON.UNAUTHENTICATED' });
    }
  });

  it('wait for an issuer that is down or lies about its name, and work once it is back', async () => {
    const authenticator = make();
    const token = await sign({ roles: {} });
    down = true;
    await expect(authenticator.authenticate(`Bearer ${token}`)).rejects.toMatchObject({
      code: 'COMMON.UNAVAILABLE',
      retry: 'later',
    });
    down = false;
    claimed = 'https://evil.example';
    await expect(authenticator.authenticate(`Bearer ${token}`)).rejects.toMatchObject({ code: 'COMMON.UNAVAILABLE' });
    claimed = undefined;
    expect((await authenticator.authenticate(`Bearer ${token}`)).subject).toBe('user-7');
  });
});
