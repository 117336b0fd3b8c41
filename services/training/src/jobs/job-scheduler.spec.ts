// SPDX-License-Identifier: Apache-2.0
import { Clock } from '#libs/clock';
import { silentLogger } from '#libs/observability';
import type { Database, UnitOfWork } from '#libs/persistence';
import type { TrainingSettings } from '../config';
import { JobScheduler } from './job-scheduler';
import type { JobWork } from './job-work';
import type { JobsMetrics } from './jobs.metrics';
import type { ClaimOptions, JobsRepository } from './jobs.repository';

/** Time that passes only where somebody waits. */
class WaitedClock extends Clock {
  ms = 0;

  now(): Date {
    return new Date(this.ms);
  }

  monotonicMs(): number {
    return this.ms;
  }

  async sleep(ms: number): Promise<void> {
    this.ms += ms;
    await new Promise((resolve) => setImmediate(resolve));
  }

  timer(): () => void {
    throw new Error('not used here');
  }
}

describe('JobScheduler', () => {
  it('takes over from others only when it could see for the length of a lease that they do not renew', async () => {
    const clock = new WaitedClock();
    const looks: [seconds: number, mayTakeOver: boolean][] = [];
    let done = (): void => undefined;
    const isDone = new Promise<void>((resolve) => (done = resolve));
    const jobs = {
      anyDue: () => {
        if (clock.ms >= 90_000) done();
        return clock.ms >= 30_000 && clock.ms < 60_000 ? Promise.reject(new Error('away')) : Promise.resolve(true);
      },
      claim: (_tx: unknown, { mayTakeOver }: ClaimOptions) => {
        looks.push([clock.ms / 1000, mayTakeOver]);
        return Promise.resolve(undefined);
      },
    } as unknown as JobsRepository;
    const unitOfWork = { run: (work: (tx: unknown) => unknown) => work(undefined) } as unknown as UnitOfWork;
    const settings = { pollMilliseconds: 500, leaseSeconds: 10, jobsRunningMax: 1, jobsValidatingMax: 1 } as TrainingSettings;
    const metrics = { schedulerFailures: { inc: () => undefined } } as unknown as JobsMetrics;
    const database = {} as Database;
    const scheduler = new JobScheduler(database, unitOfWork, clock, silentLogger(), settings, jobs, metrics, {} as JobWork);
    scheduler.start();
    await isDone;
    await scheduler.stopIntake();

    const between = (from: number, to: number): Set<boolean> =>
      new Set(looks.filter(([seconds]) => seconds >= from && seconds < to).map(([, mayTakeOver]) => mayTakeOver));
    expect(between(0, 10)).toEqual(new Set([false]));
    expect(between(12, 30)).toEqual(new Set([true]));
    expect(between(30, 60).size).toBe(0);
    // Whoever drove a job could not renew its lease meanwhile either.
    expect(between(60, 70)).toEqual(new Set([false]));
    expect(between(74, 90)).toEqual(new Set([true]));
  });
});
