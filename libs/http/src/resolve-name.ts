// SPDX-License-Identifier: Apache-2.0
import { Resolver } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { OutboundErrors } from './outbound.errors';

/** How a name becomes addresses. What it throws reaches the caller of the connection. */
export type ResolveName = (hostname: string) => Promise<LookupAddress[]>;

export interface DnsOptions {
  /** Default 3000; less than a connection may take, so that the caller learns that it was the name. */
  limitMs?: number;
  /** `host` or `host:port` of the servers to ask; default those of the system. */
  servers?: readonly string[];
}

/**
 * Asks the DNS servers of the system over sockets of this process. getaddrinfo would hold one of the two threads that libuv gives to
 * names for as long as a server is silent (40 s were seen), and nothing takes it back: who chose the name would hold up the names of
 * everybody else, of the database and the broker too. In turn it knows neither the hosts file nor search domains: no name of the
 * public internet needs them.
 *
 * At the limit what has come by then counts: a server that hangs for AAAA only is as good as one without IPv6.
 */
export function dnsResolver({ limitMs = 3000, servers }: DnsOptions = {}): ResolveName {
  return async (hostname) => {
    // One for each name: it reads the servers anew, and is cancelled alone.
    const resolver = new Resolver({ timeout: Math.ceil(limitMs / 2), tries: 2 });
    if (servers) resolver.setServers(servers);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      resolver.cancel();
    }, limitMs);
    try {
      const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
      const addresses = [...addressesOf(four, 4), ...addressesOf(six, 6)];
      if (addresses.length > 0) return addresses;
      throw unresolved(hostname, four, isLate);
    } finally {
      clearTimeout(timer);
    }
  };
}

function addressesOf(answer: PromiseSettledResult<string[]>, family: 4 | 6): LookupAddress[] {
  return answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family })) : [];
}

function unresolved(hostname: string, answer: PromiseSettledResult<string[]>, isLate: boolean): Error {
  const cause: unknown = answer.status === 'rejected' ? answer.reason : undefined;
  const reason = (cause as { code?: string } | undefined)?.code;
  const message =
    isLate || reason === 'ETIMEOUT'
      ? `the name ${hostname} was not resolved in time: its DNS server does not answer`
      : `the name ${hostname} has no address`;
  return OutboundErrors.NAME_NOT_RESOLVED(message, { hostname, reason }, cause);
}
