// SPDX-License-Identifier: Apache-2.0
import { eventually } from '#libs/testing';
import { ROWS, ServiceUnderTest, type Json } from './service-under-test';

/** The waiting job, as it is after an hour with one try left. */
const OLD_JOB = `update jobs set attempts = 4, create_time = now() - interval '61 minutes'
  where lease_until is null and not_before > now() returning 1`;

/** Takes the pause before the next try from the waiting job. */
const DUE_NOW = 'update jobs set not_before = now() where lease_until is null and not_before > now()';

describe('profiles', () => {
  const under = new ServiceUnderTest();
  beforeAll(() => under.start(), 60_000);
  afterAll(() => under.stop());

  it('makes one profile of every committed version, with a page, and tells others once', async () => {
    const version = under.ingestion.add('glossary', ROWS);
    await under.commit(version);
    await under.commit(version);
    const profile = await under.profileOf(version.id);
    expect(profile).toMatchObject({ state: 'succeeded', datasetName: 'glossary', reportReady: true });
    expect(profile.result).toMatchObject({
      schema: 'millrace.profile/v1',
      rows: 303,
      quarantined: { rows: 1, byReason: { invalid_json: 1 } },
      text: { field: 'text' },
      labels: { field: 'label' },
      pii: [{ type: 'EMAIL', rows: 1 }],
    });
    expect(profile.result.columns.map((column: Json) => column.name)).toEqual(['text', 'label', 'score']);
    expect(profile.result.duplicates.near.removed).toBeGreaterThan(20);
    const page = await under.ask('GET', profile.reportPath as string);
    expect(page.status).toBe(200);
    expect(page.text).toMatch(/^<!doctype html>/);
    expect(page.text).not.toContain('ada@example.org');
    const events = await under.published('millrace.dataprep.profile-completed.v1', profile.id as string);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ datasetVersionId: version.id, rows: '303', reportPath: profile.reportPath });
    expect((await under.ask('GET', '/api/v1/profiles?datasetName=glossary')).body.items).toHaveLength(1);
  });

  it('makes the profile of rows that JSON allows and other readers refuse: halves of characters, numbers without a square', async () => {
    const half = '\ud83d';
    // Wherever a sample of it is cut, half a character is at its end.
    const text = `x${'\u{1f600}'.repeat(2_000)}`;
    const rows = [
      { text, label: half, n: 1.7e308, [half]: 1 },
      { text: `${text}${half}`, label: half, n: -1.7e308 },
      { text: ` ${text}`, label: 'plain', n: 1 },
    ];
    const version = under.ingestion.add('odd', rows);
    await under.commit(version);
    expect(await under.profileOf(version.id)).toMatchObject({
      state: 'succeeded',
      result: { rows: 3, labels: { field: 'label' } },
    });
  });

  it('shows nothing of one workspace in another', async () => {
    const version = under.ingestion.add('secret', ROWS.slice(0, 5));
    await under.commit(version);
    const { id } = await under.profileOf(version.id);
    for (const path of [`/api/v1/profiles/${id}`, `/api/v1/profiles/${version.id}`, `/api/v1/profiles/${id}/report.html`]) {
      expect((await under.ask('GET', path, undefined, 'other')).status).toBe(404);
    }
    expect((await under.ask('GET', '/api/v1/profiles', undefined, 'other')).body.items).toEqual([]);
    expect((await under.ask('POST', '/api/v1/profiles', { datasetVersion: version.id }, 'other')).status).toBe(404);
  });

  it('tries again when ingestion is away, and fails for good when the version is gone', async () => {
    under.ingestion.failExports = 1;
    const version = under.ingestion.add('flaky', ROWS.slice(0, 5));
    await under.commit(version);
    expect((await under.profileOf(version.id)).state).toBe('succeeded');
    await under.commit({ id: '0196f0b0-0000-7000-8000-999999999999', datasetName: 'gone' });
    expect(await under.profileOf('0196f0b0-0000-7000-8000-999999999999')).toMatchObject({
      state: 'failed',
      errorCode: 'DATA_PREP.INPUT_NOT_FOUND',
    });
    expect((await under.ask('GET', '/api/v1/profiles/0196f0b0-0000-7000-8000-999999999999/report.html')).body).toMatchObject({
      status: 412,
      code: 'DATA_PREP.PROFILE_NOT_READY',
    });
  });

  it('(found by fault F23) waits for an ingestion that stays away longer than all tries take, but not for ever', async () => {
    under.ingestion.failExports = 6; // one more than JOB_ATTEMPTS_MAX
    const version = under.ingestion.add('away', ROWS.slice(0, 5));
    await under.commit(version);
    await eventually(async () => {
      await under.database.query(DUE_NOW);
      return under.ingestion.failExports === 0;
    });
    expect((await under.profileOf(version.id)).state).toBe('succeeded');
    under.ingestion.failExports = 1_000;
    const old = under.ingestion.add('old', ROWS.slice(0, 5));
    await under.commit(old);
    await eventually(async () => (await under.database.query(OLD_JOB)).length === 1);
    const profile = await under.profileOf(old.id);
    under.ingestion.failExports = 0;
    expect(profile).toMatchObject({ state: 'failed', errorCode: 'COMMON.UNAVAILABLE' });
  });

  it('does a profile again whose worker is gone; the old worker can write nothing', async () => {
    under.ingestion.hangExports = 1;
    const started = under.ingestion.exportsStarted;
    const version = under.ingestion.add('killed', ROWS.slice(0, 50));
    await under.commit(version);
    await eventually(() => under.ingestion.exportsStarted > started);
    await under.loseWorker();
    const profile = await under.profileOf(version.id);
    expect(profile).toMatchObject({ state: 'succeeded' });
    expect(under.ingestion.exportsStarted).toBe(started + 2);
    expect(await under.published('millrace.dataprep.profile-completed.v1', profile.id as string)).toHaveLength(1);
    expect(await under.database.query('select 1 from jobs')).toHaveLength(0);
  });
});
