// SPDX-License-Identifier: Apache-2.0
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import { CommonErrors } from '#libs/errors';
import { OutboundErrors } from './outbound.errors';
import { dnsResolver, type ResolveName } from './resolve-name';

export { OutboundErrors } from './outbound.errors';

// Everything that is not the public internet: RFC 6890 and its IPv6 counterparts, and the address at which Azure's machines find the
// server of their secrets, which looks like a public one.
export const PRIVATE_NETS = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const;
const PRIVATE = new BlockList();
for (const [net, prefix] of PRIVATE_NETS) PRIVATE.addSubnet(net, prefix, 'ipv4');
const PUBLIC_V6 = new BlockList();
PUBLIC_V6.addSubnet('2000::', 3, 'ipv6');
const EMBEDDING_V6 = new BlockList();
// Forms that carry an IPv4 address inside (6to4, Teredo, NAT64) and documentation space.
for (const [net, prefix] of [
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
] as const) {
  EMBEDDING_V6.addSubnet(net, prefix, 'ipv6');
}

/** True for an address on the public internet. */
export function isPublicAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIP(mapped) === 4) return !PRIVATE.check(mapped, 'ipv4');
  if (isIP(mapped) === 6) return PUBLIC_V6.check(mapped, 'ipv6') && !EMBEDDING_V6.check(mapped, 'ipv6');
  return false;
}

/**
 * Refuses an address that an outgoing call must not reach: not http(s), with credentials, or a literal private address. Names
 * are checked again when they are resolved for the connection itself, so a name that changes its answer gains nothing.
 * `allowHosts` holds `host` or `host:port` that are let through although private.
 */
export function assertPublicUrl(text: string, allowHosts: readonly string[] = []): URL {
  if (!URL.canParse(text)) throw OutboundErrors.ADDRESS_REFUSED('the address is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw OutboundErrors.ADDRESS_REFUSED('the address is not http or https');
  if (url.username !== '' || url.password !== '') throw OutboundErrors.ADDRESS_REFUSED('the address carries credentials');
  if (isAllowed(url, allowHosts)) return url;
  // A dot at the end says that a name is complete; it is the same name.
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '');
  const local = host === 'localhost' || host.endsWith('.localhost') || host.endsWith('.internal') || host.endsWith('.local');
  if (local || (isIP(host) !== 0 && !isPublicAddress(host))) {
    throw OutboundErrors.ADDRESS_REFUSED(`the host ${host} is not public`, { host });
  }
  return url;
}

function isAllowed(url: URL, allowHosts: readonly string[]): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return allowHosts.some((entry) => entry === url.hostname || entry === `${url.hostname}:${port}`);
}

// Resolves a name for a connection and refuses private answers: what was checked is what is connected to.
function publicLookup(resolve: ResolveName): LookupFunction {
  return (hostname, options, callback) => {
    const refuse = (error: NodeJS.ErrnoException): void => callback(error, '', 0);
    resolve(hostname).then((addresses) => {
      if (addresses.length === 0 || addresses.some(({ address }) => !isPublicAddress(address))) {
        return refuse(
          OutboundErrors.ADDRESS_REFUSED(`the host ${hostname} resolves to an address that is not public`, { hostname }),
        );
      }
      if (options.all) callback(null, addresses);
      else callback(null, addresses[0].address, addresses[0].family);
    }, refuse);
  };
}

export interface OutboundHttpOptions {
  /** How names become addresses, other than those that are let through although private. */
  resolve?: ResolveName;
  /** Calls to one origin beyond this wait for each other. Default 8. */
  connectionsPerOriginMax?: number;
}

export interface OutboundRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** For the whole exchange. */
  timeoutMs?: number;
  /** Breaks the exchange off. */
  signal?: AbortSignal;
  responseBytesMax?: number;
}

export interface OutboundResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

// The name (see resolve-name.ts) and five seconds for the connection.
const CONNECT_MS = 8000;

/** Calls addresses that users gave us (webhooks): public ones only, no redirects, bounded time and size. */
export class OutboundHttp {
  private readonly guarded: Agent;
  private readonly allowed: Agent;

  constructor(
    private readonly allowHosts: readonly string[] = [],
    { resolve = dnsResolver(), connectionsPerOriginMax: connections = 8 }: OutboundHttpOptions = {},
  ) {
    this.guarded = new Agent({ connect: { lookup: publicLookup(resolve), timeout: CONNECT_MS }, connections });
    // Names that the operator let through: those of a container or a hosts file are among them, which only the system knows.
    this.allowed = new Agent({ connect: { timeout: CONNECT_MS }, connections });
  }

  /** Throws OUTBOUND.ADDRESS_REFUSED or NAME_NOT_RESOLVED, COMMON.CANCELLED, COMMON.DEADLINE or COMMON.UNAVAILABLE; any answer, also 4xx and 5xx, is returned. */
  async request(address: string, options: OutboundRequest = {}): Promise<OutboundResponse> {
    const url = assertPublicUrl(address, this.allowHosts);
    const { timeoutMs = 10_000, responseBytesMax = 64 * 1024 } = options;
    const exchange = new AbortController();
    const end = (): void => exchange.abort();
    const timer = setTimeout(end, timeoutMs);
    options.signal?.addEventListener('abort', end);
    try {
      options.signal?.throwIfAborted();
      const response = await request(url, {
        method: options.method ?? 'GET',
        ...(options.headers ? { headers: options.headers } : {}),
        ...(options.body === undefined ? {} : { body: options.body }),
        dispatcher: isAllowed(url, this.allowHosts) ? this.allowed : this.guarded,
        signal: exchange.signal,
      });
      return { status: response.statusCode, headers: response.headers, body: await readAtMost(response.body, responseBytesMax) };
    } catch (error) {
      if (String((error as { code?: string }).code).startsWith('OUTBOUND.')) throw error;
      if (options.signal?.aborted) throw CommonErrors.CANCELLED(`the call of ${url.host} was broken off`, {}, error);
      if (exchange.signal.aborted) throw CommonErrors.DEADLINE(`${url.host} did not answer within ${timeoutMs} ms`, {}, error);
      throw CommonErrors.UNAVAILABLE(`${url.host} does not answer`, { reason: (error as { code?: string }).code }, error);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', end);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.guarded.close(), this.allowed.close()]);
  }
}

async function readAtMost(body: AsyncIterable<Buffer> & { destroy(): unknown }, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    chunks.push(chunk);
    // Leaving the loop destroys the body; a cut answer is enough for logs.
    if (bytes >= bytesMax) break;
  }
  return Buffer.concat(chunks).subarray(0, bytesMax).toString('utf8');
}
