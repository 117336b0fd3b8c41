// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import type { ServiceProcess } from './support/service-process';

const services: readonly ServiceName[] = ['gateway', 'ingestion', 'data-prep', 'training', 'registry', 'monitoring'];
const STOP_SECONDS_MAX = 25;
const READ_DOORS: Record<ServiceName, string> = {
  gateway: '/api/v1/endpoints',
  ingestion: '/api/v1/datasets',
  'data-prep': '/api/v1/profiles',
  training: '/api/v1/jobs',
  registry: '/api/v1/approvals',
  monitoring: '/api/v1/feedback',
};

/**
 * F3: SIGTERM under load. The second replica of every service is told to stop: exit 0 in time, and whoever still gets through to it
 * is answered in order, never with a 5xx. (Not being let in is in order: that client asks another replica.)
 */
export const fault: Fault = {
  id: 'F3',
  title: 'Services stopped under load',
  async run(context) {
    const { lab, traffic } = context;
    // A load balancer's time between "not ready" and closed doors, so that requests do arrive after the signal.
    const env = { SHUTDOWN_READINESS_SECONDS: '1' };
    const replicas = await Promise.all(services.map((service) => lab.startReplica(service, { env })));
    const rounds = context.long ? 20 * context.rounds : context.rounds;
    for (let round = 0; round < rounds; round += 1) {
      await traffic.flows();
      await Promise.all(replicas.map((replica, index) => stopUnderLoad(context, replica, services[index])));
      if (round + 1 < rounds) await Promise.all(replicas.map((replica) => replica.restart(env)));
    }
  },
};

async function stopUnderLoad(
  { traffic, note, fault: count }: FaultContext,
  replica: ServiceProcess,
  service: ServiceName,
): Promise<void> {
  const statuses = new Map<number, number>();
  const control = { over: false };
  const asking = ask(`${replica.httpUrl}${READ_DOORS[service]}`, statuses, control);
  const failuresBefore = traffic.failures.length;
  const { code, seconds } = await replica.stop();
  control.over = true;
  await asking;
  count('SIGTERM', { service, code, seconds, statuses: Object.fromEntries(statuses) });
  assert.equal(code, 0, `${service} stopped with ${code}:\n${replica.output.slice(-1_500)}`);
  assert.ok(seconds < STOP_SECONDS_MAX, `${service} took ${seconds} s to stop`);
  const bad = [...statuses.keys()].filter((status) => status >= 500);
  assert.deepEqual(bad, [], `${service} answered ${bad.join(', ')} while it stopped`);
  const refused = traffic.failures
    .slice(failuresBefore)
    .filter(({ origin, code: why }) => origin === replica.httpUrl && why.startsWith('5'));
  assert.deepEqual(refused, [], `${service} answered the traffic with 5xx while it stopped`);
  note('stopped in order', { service, seconds });
}

/** Asks a read door over and over; counts what is answered. */
async function ask(url: string, statuses: Map<number, number>, control: { over: boolean }): Promise<void> {
  while (!control.over) {
    const status = await fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status;
      },
      () => 0, // not let in
    );
    if (status !== 0) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    await delay(25);
  }
}
