// SPDX-License-Identifier: Apache-2.0
import { eventually } from '#libs/testing';
import { ROWS, ServiceUnderTest } from './service-under-test';

describe('a try beyond JOB_SECONDS_MAX', () => {
  const under = new ServiceUnderTest();
  beforeAll(() => under.start({ JOB_SECONDS_MAX: '1', JOB_ATTEMPTS_MAX: '2', JOB_LEASE_SECONDS: '60' }), 60_000);
  afterAll(() => under.stop());

  it('is interrupted and counts; the next one does the job', async () => {
    const cancelled = under.ingestion.exportsCancelled;
    under.ingestion.hangExports = 1;
    const version = under.ingestion.add('slow', ROWS.slice(0, 20));
    const { body } = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: 'steps:\n- filter: score > 4',
      inputVersion: version.id,
      outputDataset: 'slow-out',
    });
    expect(await under.endOf(body.id as string)).toMatchObject({ state: 'succeeded', attempts: 2 });
    // The work was ended, not only given up: ingestion saw the read go away.
    expect(under.ingestion.exportsCancelled).toBe(cancelled + 1);
  });

  it('fails the job with the limit in its message when all tries take too long', async () => {
    under.ingestion.hangExports = 2;
    const version = under.ingestion.add('hangs', ROWS.slice(0, 20));
    await under.commit(version);
    const profile = await under.profileOf(version.id);
    expect(profile).toMatchObject({
      state: 'failed',
      errorCode: 'DATA_PREP.JOB_TOO_LONG',
      errorMessage: 'a try of the job took longer than JOB_SECONDS_MAX = 1 s',
    });
    expect(await under.published('millrace.dataprep.profile-failed.v1', profile.id as string)).toHaveLength(1);
    expect(await under.database.query('select 1 from jobs')).toHaveLength(0);
  });

  it('leaves a slow upload: the next try gets the version that it made', async () => {
    under.ingestion.hangUploads = 1;
    const uploads = under.ingestion.uploads.length;
    const version = under.ingestion.add('slow-upload', ROWS.slice(0, 20));
    const { body } = await under.ask('POST', '/api/v1/recipe-runs', {
      recipeText: 'steps:\n- filter: score > 4',
      inputVersion: version.id,
      outputDataset: 'slow-upload-out',
    });
    expect(await under.endOf(body.id as string)).toMatchObject({ state: 'succeeded', attempts: 2 });
    await eventually(() => under.ingestion.uploads.length === uploads + 1);
  });
});
