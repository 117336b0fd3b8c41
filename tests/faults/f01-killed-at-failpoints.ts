// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { failpoints, REACHED, type Failpoint } from './failpoints';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import { waitFor } from './support/wait';

const services: readonly ServiceName[] = ['ingestion', 'registry', 'monitoring', 'data-prep', 'gateway', 'training'];
/** Who gets events often enough under this traffic to be killed between effect and offset. */
const consumers: readonly ServiceName[] = ['ingestion', 'monitoring', 'data-prep', 'gateway', 'training'];
const REACH_SECONDS_MAX = 60;

/** F1: SIGKILL at each place where state, outbox, topic, effect and offset may part; then a restart, without the failpoint. */
export const fault: Fault = {
  id: 'F1',
  title: 'Services killed at every failpoint',
  async run(context) {
    context.traffic.setRate('jobs', 0.25);
    for (let round = 0; round < context.rounds; round += 1) {
      // All at once, each on another service: the others' requests and events are then in flight as well.
      await Promise.all(draw(context.random).map(([place, service]) => killAt(context, place, service)));
      await context.traffic.flows();
    }
  },
};

/** Each failpoint with a service of its own, by chance. */
function draw(random: () => number): [Failpoint, ServiceName][] {
  const left = new Set(services);
  const take = (from: readonly ServiceName[]): ServiceName => {
    const free = from.filter((service) => left.has(service));
    const taken = free[Math.floor(random() * free.length)];
    left.delete(taken);
    return taken;
  };
  const effect: [Failpoint, ServiceName] = ['after-effect-before-offset-commit', take(consumers)];
  const rest = failpoints.filter((place) => place !== 'after-effect-before-offset-commit');
  return [effect, ...rest.map((place): [Failpoint, ServiceName] => [place, take(services)])];
}

async function killAt({ lab, random, fault: count, note }: FaultContext, place: Failpoint, service: ServiceName): Promise<void> {
  const [replica] = lab.replicas(service);
  const seen = replica.output.split(`${REACHED} ${place}`).length;
  const stopped = await replica.stop();
  note('restarted with a failpoint', { service, place, stoppedWith: stopped.code });
  await replica.relaunch({
    NODE_OPTIONS: `--require ${join(__dirname, 'failpoints.js')}`,
    MILLRACE_FAILPOINT: place,
    MILLRACE_FAILPOINT_PASS: String(1 + Math.floor(random() * 3)),
  });
  await waitFor(`${service} to die at ${place}`, () => !replica.isRunning, { timeoutMs: REACH_SECONDS_MAX * 1000 });
  if (replica.output.split(`${REACHED} ${place}`).length <= seen) {
    throw new Error(`${service} ended, but not at ${place}:\n${replica.output.slice(-2_000)}`);
  }
  count('killed at a failpoint', { service, place });
  await replica.restart({});
}
