// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import { NOT_LET_IN, rpcDoors } from './support/rpc-doors';
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
 * is answered in order, with 200 by HTTP and OK by gRPC. (Not being let in is in order: that client asks another replica.)
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
  { traffic, note, fault: count, workspace }: FaultContext,
  replica: ServiceProcess,
  service: ServiceName,
): Promise<void> {
  const answers = new Map<string, number>();
  const control = { over: false };
  const failuresBefore = traffic.failures.length;
  // Connected before, so that what is answered after the signal does not hang on a first connection.
  const rpc = rpcDoors[service](replica.grpcAddress, workspace);
  await rpc.ask();
  const stopping = replica.stop(); // sends the signal before it gives back its promise
  const url = `${replica.httpUrl}${READ_DOORS[service]}`;
  const asking = [ask(() => askHttp(url), answers, control), ask(rpc.ask, answers, control)];
  const { code, seconds } = await stopping;
  control.over = true;
  await Promise.all(asking).finally(rpc.close);
  count('SIGTERM', { service, code, seconds, answers: Object.fromEntries(answers) });
  assert.equal(code, 0, `${service} stopped with ${code}:\n${replica.output.slice(-1_500)}`);
  assert.ok(seconds < STOP_SECONDS_MAX, `${service} took ${seconds} s to stop`);
  for (const good of ['200', 'OK']) assert.ok((answers.get(good) ?? 0) > 0, `${service} gave nobody ${good} after the signal`);
  const bad = [...answers.keys()].filter((answer) => !['200', 'OK', NOT_LET_IN].includes(answer));
  assert.deepEqual(bad, [], `${service} answered ${bad.join(', ')} while it stopped`);
  const refused = traffic.failures
    .slice(failuresBefore)
    .filter(({ origin, code: why }) => origin === replica.httpUrl && why.startsWith('5'));
  assert.deepEqual(refused, [], `${service} answered the traffic with 5xx while it stopped`);
  note('stopped in order', { service, seconds });
}

/** Asks a read door over and over; counts what is answered. */
async function ask(door: () => Promise<string>, answers: Map<string, number>, control: { over: boolean }): Promise<void> {
  while (!control.over) {
    const answer = await door();
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    await delay(25);
  }
}

function askHttp(url: string): Promise<string> {
  return fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return String(response.status);
    },
    (error: unknown) => {
      if ((error as Error).name === 'TimeoutError') return 'no answer within 5 s';
      return NOT_LET_IN;
    },
  );
}
