// SPDX-License-Identifier: Apache-2.0
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '#libs/testing';
import { DataPrepSettings } from '../src/config';
import { ROWS, ServiceUnderTest } from './service-under-test';

/** What comes when the pause before the next try is over. */
const SKIP_PAUSE = 'update jobs set not_before = now() where lease_until is null and not_before > now() returning 1';

describe('a job that is tried again', () => {
  const under = new ServiceUnderTest();
  beforeAll(() => under.start({ JOB_ATTEMPTS_MAX: '3' }), 60_000);
  afterAll(() => under.stop());

  async function startRun(name: string): Promise<string> {
    const version = under.ingestion.add(name, ROWS.slice(0, 20));
    const { body } = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: 'steps:\n- filter: score > 4',
      inputVersion: version.id,
      outputDataset: `${name}-out`,
    });
    return body.id as string;
  }

  /** Tries again and again, without the pauses. */
  function untilEnded(jobId: string): Promise<unknown> {
    const waiting = 'select 1 from jobs where id = $1';
    return eventually(
      async () => {
        await under.database.query(SKIP_PAUSE);
        return (await under.database.query(waiting, [jobId])).length === 0;
      },
      { timeoutMs: 20_000 },
    );
  }

  it('ends also when an earlier try left more entries in the ledger than one statement can remove', async () => {
    // As the 10 s of a statement do, for some millions of entries.
    await under.database.query(`create function refuse() returns trigger language plpgsql as $$
      begin if (select count(*) from gone) > 10000 then raise 'too many at once'; end if; return null; end $$`);
    await under.database.query(`create trigger bounded after delete on ledger_entries referencing old table as gone
      for each statement execute function refuse()`);
    under.ingestion.hangExports = 1;
    const started = under.ingestion.exportsStarted;
    const id = await startRun('large-ledger');
    await eventually(() => under.ingestion.exportsStarted > started);
    await under.database.query(
      `insert into ledger_entries (workspace, run_id, fence, position, row_id, ordinal, step_index, step, action, rule)
       select 'default', $1, 1, n, 'r' || n, n, 0, 'filter', 'dropped', 'x' from generate_series(1, 25000) n`,
      [id],
    );
    await under.loseWorker();
    expect(await under.endOf(id)).toMatchObject({ state: 'succeeded' });
    const left = await under.database.query('select fence, count(*)::int as n from ledger_entries where run_id = $1 group by 1', [
      id,
    ]);
    expect(left).toEqual([{ fence: '3', n: 5 }]);
  });

  it('waits for an ingestion that takes no more uploads for longer than all tries take', async () => {
    under.ingestion.busyUploads = 4; // one more than JOB_ATTEMPTS_MAX
    const id = await startRun('busy');
    await untilEnded(id);
    expect(await under.endOf(id)).toMatchObject({ state: 'succeeded', attempts: 1 });
  });

  it('fails when no folder for its files can be made, instead of being taken again for ever', async () => {
    const folders = join(under.service.get(DataPrepSettings).workDir, 'jobs');
    await rename(folders, `${folders}-aside`);
    await writeFile(folders, 'a file where the folder was');
    try {
      const version = under.ingestion.add('no-folder', ROWS.slice(0, 5));
      await under.commit(version);
      await eventually(async () => (await under.ask('GET', `/api/v1/profiles/${version.id}`)).status === 200);
      const profile = (await under.ask('GET', `/api/v1/profiles/${version.id}`)).body;
      await untilEnded(profile.id as string);
      expect(await under.profileOf(version.id)).toMatchObject({ state: 'failed' });
    } finally {
      await rm(folders);
      await rename(`${folders}-aside`, folders);
    }
  });
});
