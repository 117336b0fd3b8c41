// SPDX-License-Identifier: Apache-2.0
import { Database } from '#libs/persistence';
import { call, startIngestion, type IngestionUnderTest } from './support';

describe('pages of rows', () => {
  let ingest: IngestionUnderTest;
  beforeAll(async () => {
    ingest = await startIngestion();
  }, 60_000);
  afterAll(() => ingest.close());

  it('cuts a page of large rows to what a message can carry; the next page goes on', async () => {
    const { body } = await ingest.upload(
      'large',
      Array.from({ length: 12 }, (_, n) => `{"n":${n},"t":"${'界'.repeat(300_000)}"}\n`).join(''),
    );
    expect(body.rowsKept).toBe('12');
    const sizes: number[] = [];
    const seen: number[] = [];
    for (let pageToken = ''; sizes.length === 0 || pageToken !== '';) {
      const page = await ingest.client.listRows({ versionId: body.id as string, pageSize: 1000, pageToken }, call);
      sizes.push(page.rows.length);
      seen.push(...page.rows.map(({ json }) => (JSON.parse(json) as { n: number }).n));
      pageToken = page.nextPageToken;
    }
    expect(sizes).toEqual([2, 2, 2, 2, 2, 2]);
    expect(seen).toEqual(Array.from({ length: 12 }, (_, n) => n));
  });

  it('cuts a page of versions with long labels to what a message can carry', async () => {
    const { body } = await ingest.upload('labelled', '{"a":1}\n');
    const tags = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`${n}`, '界'.repeat(500)]));
    const copied = `dataset_id, kind, state, content_digest, rows_read, rows_kept, rows_quarantined, quarantined_by_reason, bytes,
      parent_version_ids, produced_by, create_time`;
    await ingest.service.get(Database).query(
      `insert into dataset_versions (workspace, id, version, tags, ${copied})
       select workspace, gen_random_uuid(), 1 + n, $2::jsonb, ${copied} from dataset_versions, generate_series(1, 59) n where id = $1`,
      [body.id, JSON.stringify(tags)],
    );
    const sizes: number[] = [];
    for (let pageToken = ''; sizes.length === 0 || pageToken !== '';) {
      const page = await ingest.client.listDatasetVersions({ dataset: 'labelled', pageSize: 1000, pageToken }, call);
      sizes.push(page.versions.length);
      pageToken = page.nextPageToken;
    }
    expect(sizes).toEqual([27, 27, 6]);
  });

  it('refuses page tokens of other lists and other workspaces', async () => {
    const { body } = await ingest.upload('pages', '{"a":1}\n{"a":2}\n{"a":3}\n');
    const first = await ingest.http('GET', `/dataset-versions/${body.id}/rows?pageSize=2`);
    expect(first.body.items).toHaveLength(2);
    const token = encodeURIComponent(first.body.nextPageToken as string);
    const second = await ingest.http('GET', `/dataset-versions/${body.id}/rows?pageSize=2&pageToken=${token}`);
    expect(second.body).toMatchObject({ items: [{ ordinal: 2 }], nextPageToken: '' });
    for (const path of ['/datasets', `/dataset-versions/${body.id}/quarantine`]) {
      expect((await ingest.http('GET', `${path}?pageToken=${token}`)).status).toBe(400);
    }
    expect((await ingest.http('GET', '/datasets?pageToken=garbage')).status).toBe(400);
    expect((await ingest.http('GET', '/datasets?pageSize=-1')).body.errors[0].field).toBe('pageSize');
  });
});
