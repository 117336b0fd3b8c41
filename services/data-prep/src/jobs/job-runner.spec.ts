// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import type { Logger, ShutdownSequence } from '#libs/observability';
import type { Database, Transaction, UnitOfWork } from '#libs/persistence';
import type { DataPrepSettings } from '../config';
import type { DataPrepMetrics } from './data-prep.metrics';
import type { Job, JobHandler, JobLease } from './job';
import { JobRunner } from './job-runner';
import type { JobsRepository } from './jobs.repository';

const nothing = (): void => undefined;
const JOB: Job = { workspace: 'w', id: 'j', kind: 'profile', attempts: 1, ageSeconds: 0, fence: '1', traceparent: null };
const LEASE_SECONDS = 10;
const LIMIT_SECONDS = 60;

/** A runner over a queue of one job, with all that it does written down. */
function runnerOf(perform: JobHandler['perform']) {
  const clock = new FakeClock();
  const said: string[] = [];
  const waiting = [JOB];
  const jobs: Partial<JobsRepository> = {
    claim: async () => waiting.shift(),
    renew: async () => {
      said.push('renewed');
      return true;
    },
    release: async (_db, _job, { countAttempt }) => void said.push(`released, ${countAttempt ? 'counted' : 'not counted'}`),
  };
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing } as unknown as Logger;
  const runner = new JobRunner(
    jobs as JobsRepository,
    {} as Database,
    { run: (work: (tx: Transaction) => Promise<unknown>) => work({} as Transaction) } as unknown as UnitOfWork,
    clock,
    logger,
    {
      runConsumers: true,
      jobsRunningMax: 1,
      jobLeaseSeconds: LEASE_SECONDS,
      jobSecondsMax: LIMIT_SECONDS,
      jobAttemptsMax: 5,
      jobPollMilliseconds: 60_000,
      workDir: 'none',
    } as unknown as DataPrepSettings,
    {
      observeQueue: nothing,
      observeRunning: nothing,
      jobEnded: (_kind: string, outcome: string) => said.push(outcome),
    } as unknown as DataPrepMetrics,
    { on: nothing } as unknown as ShutdownSequence,
  );
  runner.folders = { make: async () => 'none', remove: async () => undefined, removeOld: async () => undefined };
  runner.register({ kind: 'profile', perform, fail: async () => undefined });
  return { runner, clock, said };
}

describe('JobRunner', () => {
  it('lets the lease of a try go that does not stop at its limit', async () => {
    let lease: JobLease | undefined;
    const { runner, clock, said } = runnerOf((given) => {
      lease = given;
      return new Promise(() => undefined);
    });
    await runner.onApplicationBootstrap();
    await clock.advance(0); // the job is taken
    await clock.advance(LIMIT_SECONDS * 1000);
    const renewals = said.length;
    expect(renewals).toBeGreaterThan(10);
    await clock.advance(10 * LEASE_SECONDS * 1000);
    expect(said).toHaveLength(renewals);
    expect(lease?.signal.reason).toMatchObject({ code: 'DATA_PREP.JOB_TOO_LONG', details: { jobSecondsMax: LIMIT_SECONDS } });
    // What it would write renews the lease: it writes nothing any more.
    await expect(lease?.guarded(async () => 'written')).rejects.toMatchObject({ code: 'DATA_PREP.JOB_TOO_LONG' });
    expect(said).toHaveLength(renewals);
  });

  it('counts a try that stops at its limit as failed, whatever the interrupted step said', async () => {
    const { runner, clock, said } = runnerOf(async ({ signal }) => {
      await clock.sleep(1e9, signal).catch(() => {
        throw new Error('INTERRUPT Error: Interrupted!');
      });
      return async () => undefined;
    });
    await runner.onApplicationBootstrap();
    await clock.advance(0); // the job is taken
    await clock.advance(LIMIT_SECONDS * 1000);
    expect(said.filter((entry) => entry !== 'renewed')).toEqual(['released, counted', 'retried']);
  });
});
