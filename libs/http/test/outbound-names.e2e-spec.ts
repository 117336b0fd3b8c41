// SPDX-License-Identifier: Apache-2.0
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { eventually } from '#libs/testing';
import { OutboundHttp } from '../src';
import { dnsResolver } from '../src/resolve-name';

const TYPE_A = 1;
// Long enough for what must be done meanwhile, on a busy machine too.
const LIMIT_MS = 5000;

/** A DNS server of a tenant: answers A queries for names that begin with "answers", with its one address; else it is silent. */
class TenantDnsServer {
  asked = 0;
  address = '';
  private readonly socket: Socket = createSocket('udp4');

  async start(): Promise<void> {
    this.socket.on('message', (query, from) => this.take(query, from));
    await new Promise<void>((resolve) => this.socket.bind(0, '127.0.0.1', resolve));
    this.address = `127.0.0.1:${this.socket.address().port}`;
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.close(() => resolve()));
  }

  private take(query: Buffer, from: RemoteInfo): void {
    this.asked += 1;
    const nameEnd = query.indexOf(0, 12) + 1;
    if (query.readUInt16BE(nameEnd) !== TYPE_A || !query.toString('latin1', 13).startsWith('answers')) return;
    const header = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    const record = Buffer.from([0xc0, 0x0c, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    this.socket.send(Buffer.concat([header, query.subarray(12, nameEnd + 4), record]), from.port, from.address);
  }
}

describe('outgoing calls to names whose DNS server hangs', () => {
  const dns = new TenantDnsServer();
  let outbound: OutboundHttp;

  beforeAll(async () => {
    await dns.start();
    outbound = new OutboundHttp([], { resolve: dnsResolver({ limitMs: LIMIT_MS, servers: [dns.address] }) });
  });
  afterAll(async () => {
    await outbound.close();
    await dns.close();
  });

  it('fail with the name as their reason, and do not hold up the names of others', async () => {
    // More than libuv has threads for names: getaddrinfo would keep them until the resolver of the system gives up.
    const names = Array.from({ length: 16 }, (_, index) => `http://silent-${index}.example.org/`);
    let over = 0;
    const calls = names.map((url) =>
      outbound
        .request(url, { timeoutMs: 60_000 })
        .catch((error: unknown) => error)
        .finally(() => (over += 1)),
    );
    await eventually(() => expect(dns.asked).toBeGreaterThanOrEqual(2 * names.length));
    expect((await lookup('localhost')).address).toMatch(/^(127\.0\.0\.1|::1)$/);
    expect(over).toBe(0);
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({
        code: 'OUTBOUND.NAME_NOT_RESOLVED',
        message: expect.stringMatching(/^the name silent-\d+\.example\.org was not resolved in time: its DNS server/),
      });
    }
  });

  it('use the addresses that came when only the question for IPv6 has no answer, and refuse private ones among them', async () => {
    const resolve = dnsResolver({ limitMs: 500, servers: [dns.address] });
    expect(await resolve('answers.example.org')).toEqual([{ address: '127.0.0.1', family: 4 }]);
    const quick = new OutboundHttp([], { resolve });
    await expect(quick.request('http://answers.example.org/')).rejects.toMatchObject({ code: 'OUTBOUND.ADDRESS_REFUSED' });
    await quick.close();
  });
});
