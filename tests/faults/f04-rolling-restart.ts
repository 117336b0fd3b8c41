// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { serviceNames } from '../../deploy/local/processes';
import type { Fault, FaultContext, ServiceName } from './support/fault';
import { buildOf, differenceFrom, previousCommit } from './support/old-build';
import { trafficKinds } from './support/operation';
import type { ServiceProcess } from './support/service-process';

const OF_JOBS: readonly ServiceName[] = ['training', 'registry'];

/** F4: every service in turn gets an old replica beside the new one, loses the new one, and gets it back. */
export const fault: Fault = {
  id: 'F4',
  title: 'Rolling restart of all six with the build before the last change of the program mixed in',
  unable() {
    const previous = previousCommit();
    // Where CI runs, the history is there or has to be fetched: being left out must not look like a success.
    return Promise.resolve('reason' in previous && process.env.CI !== 'true' ? previous.reason : undefined);
  },
  async run(context) {
    const previous = previousCommit();
    if ('reason' in previous) throw new Error(previous.reason);
    const distRoot = await buildOf(previous.commit);
    context.note('old build', { commit: previous.commit, difference: differenceFrom(previous.commit) });
    for (let round = 0; round < context.rounds; round += 1) {
      for (const service of serviceNames) await roll(context, service, distRoot);
    }
  },
};

async function roll(
  { lab, traffic, note, long, fault: count }: FaultContext,
  service: ServiceName,
  distRoot: string,
): Promise<void> {
  const [current] = lab.replicas(service);
  const watch = new Watch();
  const old = lab.replicas(service)[1] ?? (await lab.startReplica(service, { distRoot }));
  if (!old.isRunning) await old.restart();
  watch.add(old);
  count('old build beside the new one', { service });
  await delay(long ? 10_000 : 500);
  const stopped = await current.stop();
  assert.equal(stopped.code, 0, `${service} ended with ${stopped.code}`);
  count('new build stopped', { service, seconds: stopped.seconds });
  // A job costs seconds of processor time: the short form asks for one where the service has to do with jobs.
  const kinds = trafficKinds.filter((kind) => kind !== 'jobs' || long || OF_JOBS.includes(service));
  // The rest of the platform, new, now works with an old service.
  await traffic.flows({ kinds });
  await current.restart();
  watch.remove(old);
  watch.add(current);
  const end = await old.stop();
  assert.equal(end.code, 0, `the old ${service} ended with ${end.code}`);
  await traffic.flows({ kinds });
  const answers = await watch.end();
  note('rolled', { service, answers });
}

/** Asks replicas that nobody restarts for their schema and data, all the time: each answer must be good. */
class Watch {
  private readonly watched = new Set<ServiceProcess>();
  private readonly faults: string[] = [];
  private answers = 0;
  private ended = false;
  private readonly running = this.run();

  add(replica: ServiceProcess): void {
    this.watched.add(replica);
  }

  remove(replica: ServiceProcess): void {
    this.watched.delete(replica);
  }

  async end(): Promise<number> {
    this.ended = true;
    await this.running;
    assert.deepEqual(this.faults, [], 'a replica that nobody restarted did not answer');
    return this.answers;
  }

  private async run(): Promise<void> {
    while (!this.ended) {
      for (const replica of this.watched) {
        try {
          await replica.answersReady();
          this.answers += 1;
        } catch (error) {
          if (this.watched.has(replica)) this.faults.push(`${replica.service}: ${(error as Error).message}`);
        }
      }
      await delay(100);
    }
  }
}
