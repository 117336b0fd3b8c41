// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext, LabOptions, ProcessName } from './support/fault';
import { FaultProxy } from './support/fault-proxy';
import { NetworkNamespaces } from './support/network-namespaces';
import { freePorts } from './support/wait';

const SECONDS = { short: [4], long: [5, 30, 120] };
/** Longest limits of the clients: 30 s for a fetch, 15 s for a query; then the network's own back-off. */
const RECOVERY_SECONDS_MAX = 120;
const services: ProcessName[] = ['ingestion', 'data-prep', 'monitoring'];

const ownLab: LabOptions = {};
let network: NetworkNamespaces | undefined;
const relays: FaultProxy[] = [];

/**
 * F13: each service in a network namespace of its own. Broker and database have addresses of their own on the bridge. Links go
 * down: a service from everybody, a service from the broker, a service from the database.
 */
export const fault: Fault = {
  id: 'F13',
  title: 'Network partitions between services, broker and database',
  ownLab,
  traffic: ['feedback', 'uploads'],
  async unable() {
    const reason = NetworkNamespaces.unable();
    if (reason !== undefined) return reason;
    Object.assign(ownLab, await labInNamespaces());
    return undefined;
  },
  async run(context) {
    context.traffic.setRate('uploads', 0.5);
    try {
      for (let round = 0; round < context.rounds; round += 1) {
        for (const seconds of context.long ? SECONDS.long : SECONDS.short) await cutAll(context, seconds);
      }
    } finally {
      for (const service of services) network?.linkUp(service);
    }
  },
};

/** Services without identity listen on loopback only: a relay in their namespace lets the others in. It ends with this process. */
const RELAY = `const net = require('node:net');
const [address, ...ports] = process.argv.slice(1);
for (const port of ports) net.createServer((socket) => {
  const inner = net.connect(Number(port), '127.0.0.1');
  for (const [from, to] of [[socket, inner], [inner, socket]]) { from.pipe(to); from.on('error', () => to.destroy()); from.on('close', () => to.destroy()); }
}).listen(Number(port), address);
process.stdin.resume().on('end', () => process.exit());`;
const inside = new Set<string>();

function relayInside(command: string[], address: string, ports: number[]): void {
  if (inside.has(address)) return; // of a process that was started again on its ports
  inside.add(address);
  const [program, ...args] = [...command, process.execPath, '-e', RELAY, address, ...ports.map(String)];
  spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'] });
}

async function labInNamespaces(): Promise<LabOptions> {
  const made = NetworkNamespaces.create(services, 3);
  network = made;
  const [behindPort] = await freePorts(1);
  const kafkaAddress = `${made.hostAddress(2)}:${behindPort}`;
  const relay = async (last: number, port: number): Promise<void> => {
    const target = { host: '127.0.0.1', port };
    relays.push(await FaultProxy.listen({ host: made.hostAddress(last), port, target: () => target }));
  };
  return {
    services,
    kafka: { behind: { port: behindPort, advertised: kafkaAddress } },
    prepare: async (lab) => {
      await relay(2, behindPort);
      await relay(3, lab.postgres.port);
    },
    command: (service, { http, grpc }) => {
      relayInside(made.command(service), made.address(service), [http, grpc]);
      // The runner's way in: the service's port on our loopback leads to the same port in its namespace.
      const target = { host: made.address(service), port: http };
      void FaultProxy.listen({ port: http, target: () => target }).then(
        (door) => relays.push(door),
        () => undefined, // started again on its ports: the door is there already
      );
      return made.command(service);
    },
    through: {
      kafkaBrokers: () => [kafkaAddress],
      databaseUrl: (_service, url) => {
        const through = new URL(url);
        through.hostname = made.hostAddress(3);
        return through.toString();
      },
      peer: (_service, peer, address) =>
        services.includes(peer) ? `${made.address(peer)}:${address.split(':')[1] ?? ''}` : address,
    },
  };
}

async function cutAll(context: FaultContext, seconds: number): Promise<void> {
  const net = network as NetworkNamespaces;
  const shuffled = [...services].sort(() => context.random() - 0.5);
  const kinds = [
    { name: 'everybody', cut: (who: string) => net.linkDown(who), heal: (who: string) => net.linkUp(who) },
    ...[2, 3].map((last) => ({
      name: last === 2 ? 'the broker' : 'the database',
      cut: (who: string) => net.cutTo(who, net.hostAddress(last)),
      heal: (who: string) => net.healTo(who, net.hostAddress(last)),
    })),
  ];
  for (const [index, { name, cut, heal }] of kinds.entries()) {
    // Short: each kind of cut with another service. Long: every service with every kind.
    for (const who of context.long ? services : [shuffled[index % shuffled.length] as string]) {
      cut(who);
      context.fault('cut off', { who, from: name, seconds });
      try {
        await delay(seconds * 1000);
      } finally {
        heal(who);
      }
      const startedMs = performance.now();
      await context.traffic.flows({ timeoutMs: RECOVERY_SECONDS_MAX * 1000 });
      context.note('flows again', { who, from: name, seconds: (performance.now() - startedMs) / 1000 });
    }
  }
}
