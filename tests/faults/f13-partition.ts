// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Fault, FaultContext, LabOptions, ProcessName } from './support/fault';
import { FaultProxy } from './support/fault-proxy';
import { NetworkNamespaces } from './support/network-namespaces';
import { freePorts, waitFor } from './support/wait';

const SECONDS = { short: [4], long: [5, 30, 120] };
/** From the broker at least this long: longer than a member's session of the lab (10 s), so that its partitions are taken away. */
const BROKER_SECONDS_MIN = 12;
/** Longest limits of the clients: 30 s for a fetch, 15 s for a query; then the network's own back-off. */
const RECOVERY_SECONDS_MAX = 120;
const services: ProcessName[] = ['ingestion', 'data-prep', 'monitoring'];

const ownLab: LabOptions = {};
let network: NetworkNamespaces | undefined;
/** host:port under which the members reach the broker. */
let brokerAddress = '';
const relays: FaultProxy[] = [];

/**
 * F13: each service in a network namespace of its own. Broker and database have addresses of their own on the bridge. Links go
 * down: a service from everybody, a service from the broker, a service from the database, data-prep from ingestion.
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
  brokerAddress = kafkaAddress;
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

interface Cut {
  name: string;
  seconds: number;
  cut(who: string): void;
  heal(who: string): void;
  /** Where nobody gets while it is cut (host:port), and where one still does. */
  away: string[];
  there: string[];
}

function cutsOf({ lab }: FaultContext, seconds: number): Cut[] {
  const net = network as NetworkNamespaces;
  const database = `${net.hostAddress(3)}:${lab.postgres.port}`;
  const everybody: Cut = {
    name: 'everybody',
    seconds,
    cut: (who) => net.linkDown(who),
    heal: (who) => net.linkUp(who),
    away: [brokerAddress, database],
    there: [],
  };
  const from = (name: string, address: string, there: string[], forSeconds = seconds): Cut => ({
    name,
    seconds: forSeconds,
    cut: (who) => net.cutTo(who, hostOf(address)),
    heal: (who) => net.healTo(who, hostOf(address)),
    away: [address],
    there,
  });
  return [
    everybody,
    from('the broker', brokerAddress, [database], Math.max(seconds, BROKER_SECONDS_MIN)),
    from('the database', database, [brokerAddress]),
  ];
}

async function cutAll(context: FaultContext, seconds: number): Promise<void> {
  const shuffled = [...services].sort(() => context.random() - 0.5);
  for (const [index, cut] of cutsOf(context, seconds).entries()) {
    // Short: each kind of cut with another service. Long: every service with every kind.
    for (const who of context.long ? services : [shuffled[index % shuffled.length]]) {
      await cutOff(context, who, cut, () => delay(cut.seconds * 1000));
      const startedMs = performance.now();
      await context.traffic.flows({ timeoutMs: RECOVERY_SECONDS_MAX * 1000 });
      context.note('flows again', { who, from: cut.name, seconds: (performance.now() - startedMs) / 1000 });
    }
  }
  await cutPeers(context, seconds);
}

/** Cut off for the time of `meanwhile`; asks from there that it is so, and that it was not and is not so otherwise. */
async function cutOff(context: FaultContext, who: ProcessName, cut: Cut, meanwhile: () => Promise<void>): Promise<void> {
  const { name, seconds, away, there } = cut;
  for (const address of away) assert.equal(await connectFrom(who, address), 'connected', `${who} to ${address} before the cut`);
  cut.cut(who);
  context.fault('cut off', { who, from: name, seconds });
  try {
    for (const address of away) {
      const outcome = await connectFrom(who, address);
      context.note('while cut off', { who, from: name, address, outcome });
      assert.notEqual(outcome, 'connected', `${who} reaches ${address} although it is cut off from ${name}`);
    }
    for (const address of there) assert.equal(await connectFrom(who, address), 'connected', `${who} to ${address}, not cut`);
    await meanwhile();
    for (const address of away) assert.notEqual(await connectFrom(who, address), 'connected', `${who} to ${address}, still cut`);
  } finally {
    cut.heal(who);
  }
  for (const address of away) {
    await waitFor(`${who} to reach ${address} again`, async () => (await connectFrom(who, address)) === 'connected');
  }
}

/** data-prep without ingestion: what it has to read there waits, and is done afterwards. */
async function cutPeers(context: FaultContext, seconds: number): Promise<void> {
  const { lab, traffic, workspace, note } = context;
  const net = network as NetworkNamespaces;
  const peer = net.address('ingestion');
  const cut: Cut = {
    name: 'ingestion',
    seconds,
    cut: (who) => net.cutTo(who, peer),
    heal: (who) => net.healTo(who, peer),
    away: [`${peer}:${lab.grpc('ingestion').split(':')[1]}`],
    there: [brokerAddress],
  };
  const done = async (versionIds: string[]): Promise<number> => {
    const text = `select 1 from profiles where workspace = $1 and dataset_version_id = any($2) and state = 'succeeded'`;
    return (await lab.postgres.sql('data-prep', text, [workspace, versionIds])).length;
  };
  let versionIds: string[] = [];
  await cutOff(context, 'data-prep', cut, async () => {
    const sinceMs = performance.now();
    await traffic.flows({ kinds: ['uploads'] });
    await delay(seconds * 1000);
    const uploads = traffic.acknowledged('uploads').filter(({ startedMs }) => startedMs >= sinceMs);
    versionIds = uploads.map(({ ids }) => String(ids.versionId));
    assert.equal(await done(versionIds), 0, 'profiles of versions that data-prep could not read');
  });
  const startedMs = performance.now();
  await waitFor('the profiles that waited for ingestion', async () => (await done(versionIds)) === versionIds.length, {
    timeoutMs: RECOVERY_SECONDS_MAX * 1000,
  });
  note('profiles made', { profiles: versionIds.length, seconds: (performance.now() - startedMs) / 1000 });
}

const PROBE = `const [host, port] = process.argv.slice(1);
const socket = require('node:net').connect({ host, port: Number(port), timeout: 1500 });
const say = (what) => { console.log(what); process.exit(); };
socket.on('connect', () => say('connected')).on('timeout', () => say('timeout')).on('error', ({ code }) => say(code));`;

/** What a new connection from the namespace of that service comes to: 'connected', 'timeout', or the code of its error. */
async function connectFrom(who: ProcessName, address: string): Promise<string> {
  const [host, port] = address.split(':');
  const [program, ...args] = [...(network as NetworkNamespaces).command(who), process.execPath, '-e', PROBE, host, port];
  const { stdout } = await promisify(execFile)(program, args, { timeout: 20_000 });
  return stdout.trim();
}

function hostOf(address: string): string {
  return address.split(':')[0];
}
