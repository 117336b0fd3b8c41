// SPDX-License-Identifier: Apache-2.0
import { newId } from '#libs/clock';
import { useTestDatabase } from '#libs/testing';
import { JobsTypeorm } from '../src/jobs/jobs.typeorm';
import type { FineTuneSpec } from '../src/jobs/job';
import { migrations } from '../src/migrations';

describe('claiming jobs', () => {
  const database = useTestDatabase('training', migrations);
  const jobs = new JobsTypeorm();
  const options = { owner: 'spec', leaseSeconds: 30, runningMax: 1, validatingMax: 5, mayTakeOver: true };
  const makeQueued = async (priority = 0) => {
    const spec = {} as FineTuneSpec;
    const rest = {
      kind: 'fine-tune' as const,
      spec,
      inputs: [],
      modelDigest: '',
      modelName: '',
      pipelineRunId: '',
      submittedBy: 's',
    };
    return database.uow.run(async (tx) => {
      const job = await jobs.insert(tx, { workspace: 'w', id: newId(), priority, ...rest });
      return jobs.update(tx, job, { state: 'queued' });
    });
  };

  beforeEach(() => database.db.query('delete from jobs'));

  it('passes over a job that is being cancelled right now', async () => {
    const cancelled = await makeQueued(5);
    const other = await makeQueued();
    let commit = (): void => undefined;
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    let hold = (): void => undefined;
    const held = new Promise<void>((resolve) => (hold = resolve));
    const cancel = database.uow.run(async (tx) => {
      await jobs.update(tx, cancelled, { state: 'cancelled', endTime: new Date() });
      hold();
      await mayCommit;
    });
    await held;
    const claim = await database.uow.run((tx) => jobs.claim(tx, options));
    commit();
    await cancel;
    expect(claim?.job.id).toBe(other.id);
    expect(await database.uow.run((tx) => jobs.claim(tx, { ...options, runningMax: 9 }))).toBeUndefined();
  });

  it('keeps the bound on running jobs when many claim at once, and fences off an older holder', async () => {
    const made = [await makeQueued(), await makeQueued(), await makeQueued()];
    const claims = await Promise.all(made.map(() => database.uow.run((tx) => jobs.claim(tx, options))));
    const [claim, ...none] = claims.filter((entry) => entry !== undefined);
    expect(none).toEqual([]);
    await database.db.query("update jobs set lease_until = now() - interval '1 second' where id = $1", [claim?.job.id]);
    const taken = await database.uow.run((tx) => jobs.claim(tx, options));
    expect(taken).toMatchObject({ takenOver: true, job: { id: claim?.job.id } });
    const late = database.uow.run((tx) => jobs.update(tx, claim.job, { state: 'running' }, claim.job.leaseToken));
    await expect(late).rejects.toMatchObject({ code: 'TRAINING.LEASE_LOST' });
  });

  it('lets nobody write to a job who gave it back, although nobody else has claimed it', async () => {
    const made = await makeQueued();
    const claim = await database.uow.run((tx) => jobs.claim(tx, options));
    const token = claim?.job.leaseToken;
    await database.uow.run((tx) => jobs.update(tx, made, { state: 'failed', endTime: new Date(), release: true }, token));
    const late = database.uow.run((tx) => jobs.update(tx, made, { retryAfterSeconds: 5, release: true }, token));
    await expect(late).rejects.toMatchObject({ code: 'TRAINING.LEASE_LOST' });
    expect(await jobs.renew(database.db, made, token ?? '', 30)).toBeUndefined();
  });

  it('makes another attempt due by the clock of the database, whatever the clock of the process says', async () => {
    const hourAheadMs = Date.now() + 3_600_000;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(hourAheadMs);
    try {
      const job = await makeQueued();
      await database.uow.run((tx) => jobs.update(tx, job, { retryAfterSeconds: 60 }));
    } finally {
      clock.mockRestore();
    }
    const [row] = await database.db.query<{ seconds: number }>(
      'select extract(epoch from next_attempt_time - now())::float8 as seconds from jobs',
    );
    expect(row?.seconds).toBeGreaterThan(0);
    expect(row?.seconds).toBeLessThanOrEqual(60);
    expect(await database.uow.run((tx) => jobs.claim(tx, options))).toBeUndefined();
  });

  it('leaves a running job whose lease ran out to its holder for as long as another one may not take over', async () => {
    const job = await makeQueued();
    await database.uow.run((tx) => jobs.claim(tx, options));
    await database.uow.run((tx) => jobs.update(tx, job, { state: 'running' }));
    await database.db.query("update jobs set lease_until = now() - interval '1 second'");
    const claim = (owner: string, mayTakeOver: boolean) =>
      database.uow.run((tx) => jobs.claim(tx, { ...options, owner, mayTakeOver }));
    expect(await claim('other', false)).toBeUndefined();
    expect(await claim('spec', false)).toMatchObject({ job: { id: job.id, leaseToken: '2' } });
    await database.db.query("update jobs set lease_until = now() - interval '1 second'");
    expect(await claim('other', true)).toMatchObject({ job: { id: job.id, leaseToken: '3' } });
  });

  it('tells without a claim whether one could find a job', async () => {
    const due = () => jobs.anyDue(database.db);
    expect(await due()).toBe(false);
    const job = await makeQueued();
    expect(await due()).toBe(true);
    await database.uow.run((tx) => jobs.claim(tx, options));
    expect(await due()).toBe(false);
    for (const state of ['validating', 'queued', 'running'] as const) {
      await database.uow.run((tx) => jobs.update(tx, job, { state }));
      await database.db.query("update jobs set lease_until = now() - interval '1 second', next_attempt_time = now()");
      expect(await due()).toBe(true);
      await database.uow.run((tx) => jobs.update(tx, job, { retryAfterSeconds: 60 }));
      // A running one was left by a holder that vanished: it does not wait for an attempt.
      expect(await due()).toBe(state === 'running');
      expect((await database.uow.run((tx) => jobs.claim(tx, options))) !== undefined).toBe(state === 'running');
    }
    await database.uow.run((tx) => jobs.update(tx, job, { state: 'succeeded', endTime: new Date(), release: true }));
    expect(await due()).toBe(false);
  });
});
