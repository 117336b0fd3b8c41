// SPDX-License-Identifier: Apache-2.0
import { Database } from '#libs/persistence';
import { mintToken, parsePlatformKey } from '#libs/auth';
import { call, startIngestion, type IngestionUnderTest } from './support';

describe('doors of ingestion', () => {
  let ingest: IngestionUnderTest;
  beforeAll(async () => {
    ingest = await startIngestion({ MILLRACE_AUTH: 'on' });
    const key = parsePlatformKey('a-key-for-specs-only-with-32-bytes-or-more');
    const mint = async (roles: Record<string, 'viewer' | 'editor' | 'admin'>) => ({
      authorization: `Bearer ${await mintToken(key, { subject: 'ada', roles, expiresInSeconds: 600 })}`,
    });
    viewer = await mint({ '*': 'viewer' });
    editor = await mint({ alpha: 'editor', beta: 'editor', default: 'editor' });
  }, 60_000);
  afterAll(() => ingest.close());
  let viewer: Record<string, string>;
  let editor: Record<string, string>;
  const alpha = () => ({ ...editor, 'x-millrace-workspace': 'alpha' });
  const beta = () => ({ ...editor, 'x-millrace-workspace': 'beta' });

  it('asks who calls, and for the role that the door needs', async () => {
    expect((await ingest.http('GET', '/datasets')).status).toBe(401);
    expect((await ingest.http('GET', '/datasets', { headers: viewer })).status).toBe(200);
    expect((await ingest.http('POST', '/datasets', { body: { name: 'x' }, headers: viewer })).body.code).toBe('COMMON.FORBIDDEN');
    expect((await ingest.upload('x', '{"a":1}\n', 'format=jsonl', viewer)).status).toBe(403);
    await expect(ingest.client.listDatasets({ pageSize: 1, pageToken: '' }, call)).rejects.toMatchObject({
      code: 'COMMON.UNAUTHENTICATED',
    });
  });

  it('creates, lists, tags and deletes; each change is an event in the same transaction', async () => {
    const created = await ingest.http('POST', '/datasets', {
      body: { name: 'glossary', description: 'words' },
      headers: alpha(),
    });
    expect(created).toMatchObject({ status: 201, body: { name: 'glossary' } });
    expect((await ingest.http('POST', '/datasets', { body: { name: 'glossary' }, headers: alpha() })).body.code).toBe(
      'COMMON.ALREADY_EXISTS',
    );
    expect((await ingest.http('POST', '/datasets', { body: { name: 'a b', colour: 1 }, headers: alpha() })).body.errors).toEqual([
      { field: 'colour', message: 'unknown field' },
    ]);
    const { body: version } = await ingest.upload('glossary', '{"text":"a rose"}\n', 'format=jsonl', alpha());
    const path = `/dataset-versions/${version.id}`;
    const tagged = await ingest.http('PUT', `${path}/tags`, {
      body: { tags: { split: 'train' }, etag: version.etag },
      headers: alpha(),
    });
    expect(tagged.body.tags).toEqual({ split: 'train' });
    const stale = await ingest.http('PUT', `${path}/tags`, { body: { tags: {}, etag: version.etag }, headers: alpha() });
    expect(stale).toMatchObject({ status: 409, body: { code: 'COMMON.CONFLICT' } });
    expect((await ingest.http('PUT', `${path}/tags`, { body: { tags: { n: 5 } }, headers: alpha() })).body.errors[0].field).toBe(
      'tags.n',
    );
    expect((await ingest.http('DELETE', path, { body: { reason: ' ' }, headers: alpha() })).body.errors[0].field).toBe('reason');
    const deleted = await ingest.http('DELETE', path, { body: { reason: 'wrong file' }, headers: alpha() });
    expect(deleted.body.state).toBe('DATASET_VERSION_STATE_DELETED');
    for (const part of ['rows', 'quarantine', 'export']) {
      expect((await ingest.http('GET', `${path}/${part}`, { headers: alpha() })).body.code).toBe('INGESTION.VERSION_DELETED');
    }
    expect((await ingest.http('GET', path, { headers: alpha() })).body.contentDigest).toBe(version.contentDigest);
    const events = await ingest.service
      .get(Database)
      .query<{ type: string }>('select type from outbox where aggregateid = $1 order by position', [version.id]);
    expect(events.map((event) => event.type)).toEqual([
      'millrace.ingestion.dataset-version-committed.v1',
      'millrace.ingestion.dataset-version-tagged.v1',
      'millrace.ingestion.dataset-version-deleted.v1',
    ]);
  });

  it('gives equal content the same digest, and each row its content hash and position', async () => {
    const body = '{"text":"same"}\n{"text":"same"}\n';
    const first = await ingest.upload('twice', body, 'format=jsonl', alpha());
    const second = await ingest.upload('twice', body, 'format=jsonl', alpha());
    expect(second.body).toMatchObject({ version: 2, contentDigest: first.body.contentDigest });
    const { text } = await ingest.http('GET', '/dataset-versions/' + second.body.id + '/export', { headers: alpha() });
    const ids = text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { _row_id: string })._row_id);
    expect(ids[0]).toMatch(/^[0-9a-f]{12}-0$/);
    expect(ids[1]).toBe(ids[0].replace(/-0$/, '-1'));
    const latest = await ingest.http('GET', '/dataset-versions/' + encodeURIComponent('twice/latest'), { headers: alpha() });
    expect(latest.body.version).toBe(2);
  });

  it('shows nothing of one workspace in another, at any HTTP door', async () => {
    const { body: version } = await ingest.upload('secret', '{"a":1}\nbroken\n', 'format=jsonl', alpha());
    const id = version.id as string;
    for (const path of [
      '/datasets/secret',
      '/datasets/secret/versions',
      `/datasets/${version.datasetId}`,
      `/dataset-versions/${id}`,
      `/dataset-versions/${encodeURIComponent('secret/latest')}`,
      `/dataset-versions/${encodeURIComponent('secret/1')}`,
      `/dataset-versions/${id}/rows`,
      `/dataset-versions/${id}/quarantine`,
      `/dataset-versions/${id}/export`,
    ]) {
      expect({ path, status: (await ingest.http('GET', path, { headers: alpha() })).status }).toEqual({ path, status: 200 });
      expect({ path, status: (await ingest.http('GET', path, { headers: beta() })).status }).toEqual({ path, status: 404 });
    }
    expect((await ingest.http('GET', '/datasets', { headers: beta() })).body.items).toEqual([]);
    expect((await ingest.http('GET', '/uploads', { headers: beta() })).body.items).toEqual([]);
    expect((await ingest.http('PUT', `/dataset-versions/${id}/tags`, { body: { tags: {} }, headers: beta() })).status).toBe(404);
    expect((await ingest.http('DELETE', `/dataset-versions/${id}`, { body: { reason: 'x' }, headers: beta() })).status).toBe(404);
    const upload = await ingest.upload('derived', '{"a":1}\n', 'format=jsonl', beta());
    expect(upload.body.version).toBe(1);
  });

  it('answers a repeated request id of another workspace with its own result', async () => {
    const a = await ingest.upload('same-id', '{"a":1}\n', 'format=jsonl&requestId=r', alpha());
    const b = await ingest.upload('same-id', '{"a":1}\n', 'format=jsonl&requestId=r', beta());
    expect(b.status).toBe(201);
    expect(b.body.id).not.toBe(a.body.id);
  });
});
