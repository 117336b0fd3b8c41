// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext, LabOptions } from './support/fault';
import { FaultProxy, type ProxyConditions } from './support/fault-proxy';
import { freePorts } from './support/wait';

const SECONDS = { short: 4, long: 30 };
/** From a link that hides the death of its other end: the longest limits are 30 s for a fetch and 15 s for a query. */
const RECOVERY_SECONDS_MAX = 90;

/** The links of this fault, made anew for each lab. */
const links: { kafka?: FaultProxy; postgres?: FaultProxy } = {};
const ownLab: LabOptions = {};

/** F14: the links to broker and database are slow, narrow, lossy, half open, deaf in one direction. */
export const fault: Fault = {
  id: 'F14',
  title: 'Slow and lossy links to broker and database',
  ownLab,
  traffic: ['feedback', 'uploads'],
  async unable() {
    Object.assign(ownLab, await labBehindLinks());
    return undefined;
  },
  async run(context) {
    context.traffic.setRate('uploads', 0.5);
    for (let round = 0; round < context.rounds; round += 1) {
      await under(context, 'slow', { toServer: { latencyMs: 40, jitterMs: 40 }, toClient: { latencyMs: 40, jitterMs: 40 } });
      await under(context, 'narrow', { toServer: { bytesPerSecond: 60_000 }, toClient: { bytesPerSecond: 60_000 } });
      await resets(context);
      await halfOpen(context);
      await under(context, 'deaf', { toClient: { blackHole: true } });
    }
    // The links stay until this process ends: the lab still needs them to heal and to be checked.
  },
};

/** Services that reach Kafka and Postgres through a proxy each; the lab itself goes there directly. */
async function labBehindLinks(): Promise<LabOptions> {
  const [behindPort] = await freePorts(1);
  let postgresPort = 0;
  const kafka = await FaultProxy.listen({ target: () => ({ host: '127.0.0.1', port: behindPort }) });
  const postgres = await FaultProxy.listen({ target: () => ({ host: '127.0.0.1', port: postgresPort }) });
  Object.assign(links, { kafka, postgres });
  return {
    services: ['ingestion', 'data-prep', 'monitoring'],
    kafka: { behind: { port: behindPort, advertised: kafka.address } },
    prepare: async (lab) => {
      postgresPort = lab.postgres.port;
    },
    through: {
      kafkaBrokers: () => [kafka.address],
      databaseUrl: (_service, url) => {
        const through = new URL(url);
        through.host = postgres.address;
        return through.toString();
      },
    },
  };
}

async function under(context: FaultContext, kind: string, conditions: ProxyConditions): Promise<void> {
  const { fault: count, long } = context;
  for (const link of Object.values(links)) link.set(conditions);
  count(`link ${kind}`, { conditions });
  await delay((long ? SECONDS.long : SECONDS.short) * 1000);
  // What is only slow must go on; what is deaf can only be survived.
  if (kind !== 'deaf') await context.traffic.flows({ timeoutMs: RECOVERY_SECONDS_MAX * 1000 });
  await recover(context, kind);
}

/** Every connection ends somewhere in the middle of a message. */
async function resets(context: FaultContext): Promise<void> {
  const { fault: count, long, random } = context;
  const endMs = performance.now() + (long ? SECONDS.long : SECONDS.short) * 1000;
  while (performance.now() < endMs) {
    for (const link of Object.values(links)) {
      const bytes = Math.ceil(10_000 * random());
      link.set(random() < 0.5 ? { toServer: { resetAfterBytes: bytes } } : { toClient: { resetAfterBytes: bytes } });
      count('link resets', { bytes, open: link.connections.size });
    }
    await delay(400 + 400 * random());
  }
  await recover(context, 'resets');
}

/** Broker and database hang up, and the services do not hear of it. */
async function halfOpen(context: FaultContext): Promise<void> {
  for (const link of Object.values(links)) {
    const open = [...link.connections];
    for (const connection of open) connection.abandonClient();
    context.fault('half open', { connections: open.length });
  }
  await recover(context, 'half open', false);
}

async function recover({ traffic, note }: FaultContext, after: string, heal = true): Promise<void> {
  if (heal) for (const link of Object.values(links)) link.heal();
  const startedMs = performance.now();
  await traffic.flows({ timeoutMs: RECOVERY_SECONDS_MAX * 1000 });
  note('flows again', { after, seconds: (performance.now() - startedMs) / 1000 });
}
