// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ingestion } from '#libs/contracts';
import { eventually } from '#libs/testing';
import { call, startIngestion, type IngestionUnderTest } from './support';

/** A Parquet file of what a query gives. */
async function parquet(query: string, options = 'compression zstd'): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-parquet-'));
  const file = join(folder, 'x.parquet');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`copy (${query}) to '${file}' (format parquet, ${options})`);
  connection.closeSync();
  instance.closeSync();
  const bytes = readFileSync(file);
  rmSync(folder, { recursive: true });
  return bytes;
}

const page = { pageSize: 10, pageToken: '' };
const header = {
  dataset: 'streamed',
  format: 'jsonl',
  kind: 'DATASET_VERSION_KIND_RAW' as ingestion.DatasetVersionKind,
  parentVersionIds: [],
  producedBy: '',
  tags: {},
  requestId: '',
  sha256: '',
  keepRowIds: false,
  columns: {},
};

describe('bad input to uploads', () => {
  let ingest: IngestionUnderTest;
  beforeAll(async () => {
    ingest = await startIngestion({ UPLOAD_BYTES_MAX: String(12 * 1024 * 1024), UPLOADS_RUNNING_MAX: '2' });
  }, 60_000);
  afterAll(() => ingest.close());

  const missing = (dataset: string): Promise<void> =>
    expect(ingest.client.getDataset({ dataset }, call)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });

  /** Waits until the server serves that many gRPC calls. */
  const inFlight = (count: number): Promise<boolean> =>
    eventually(async () => {
      const page = await (await fetch(`${ingest.service.baseUrl}/metrics`)).text();
      expect(page).toContain(`millrace_ingestion_rpc_in_flight ${count}`);
      return true;
    });

  it('quarantines a line of 10 MiB and goes on after it', async () => {
    const answer = await ingest.upload('long', `{"a":1}\n{"a":"${'x'.repeat(10 * 1024 * 1024)}"}\n{"a":2}\n`);
    expect(answer.body).toMatchObject({ rowsRead: '3', rowsKept: '2', quarantinedByReason: { line_too_long: '1' } });
    const { rows } = await ingest.client.listQuarantinedRows({ versionId: answer.body.id, ...page }, call);
    expect(rows).toMatchObject([{ line: '2', reason: 'line_too_long' }]);
    expect(rows[0].sample.length).toBeLessThanOrEqual(200);
  });

  it('refuses bytes that are not the promised ones, and takes them when they are', async () => {
    const body = '{"a":1}\n';
    const wrong = await ingest.upload('promised', body, `format=jsonl&sha256=${'0'.repeat(64)}`);
    expect(wrong).toMatchObject({ status: 400, body: { code: 'INGESTION.UPLOAD_DIGEST_MISMATCH' } });
    await missing('promised');
    const sha256 = createHash('sha256').update(body).digest('hex');
    expect((await ingest.upload('promised', body, `format=jsonl&sha256=${sha256}`)).status).toBe(201);
    expect((await ingest.upload('promised', body, 'format=jsonl&sha256=XYZ')).body.errors[0].field).toBe('sha256');
  });

  it('makes no dataset of an upload without one good row', async () => {
    for (const body of ['', '\n\n', 'nonsense\n', '[]\n1\n']) {
      expect(await ingest.upload('hopeless', body)).toMatchObject({ status: 400, body: { code: 'INGESTION.NO_ROWS' } });
    }
    await missing('hopeless');
    const { uploads } = await ingest.client.listUploads({ pageSize: 1, pageToken: '' }, call);
    expect(uploads[0]).toMatchObject({ dataset: 'hopeless', state: 'refused', code: 'INGESTION.NO_ROWS', rowsRead: '2' });
  });

  it('refuses more bytes than it may take, whole', async () => {
    const line = `{"a":"${'y'.repeat(1000)}"}\n`;
    const answer = await ingest.upload('huge', line.repeat(13_000));
    expect(answer).toMatchObject({ status: 400, body: { code: 'INGESTION.UPLOAD_TOO_LARGE' } });
    await missing('huge');
  });

  it('keeps nothing of a body that is shorter than its content-length', async () => {
    const { hostname, port } = new URL(ingest.service.baseUrl);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          'POST /api/v1/datasets/half/versions?format=jsonl HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n' +
            'content-length: 1000\r\n\r\n{"a":1}\n{"a":2}\n',
          () => socket.destroy(),
        );
      });
      socket.on('close', () => resolve());
      socket.on('error', reject);
    });
    await eventually(async () => {
      const { uploads } = await ingest.client.listUploads({ pageSize: 1, pageToken: '' }, call);
      expect(uploads[0]).toMatchObject({ dataset: 'half', state: 'refused', code: 'INGESTION.UPLOAD_INCOMPLETE' });
      return true;
    });
    await missing('half');
  });

  it('keeps nothing of a gRPC stream that breaks off', async () => {
    async function* broken(): AsyncGenerator<ingestion.UploadDatasetRequest> {
      yield { header, chunk: undefined };
      yield { header: undefined, chunk: Buffer.from('{"a":1}\n'.repeat(1000)) };
      await inFlight(1);
      throw new Error('the file cannot be read');
    }
    await expect(ingest.client.uploadDataset(broken(), call)).rejects.toThrow('the file cannot be read');
    await eventually(async () => {
      const { uploads } = await ingest.client.listUploads({ pageSize: 1, pageToken: '' }, call);
      expect(uploads[0]).toMatchObject({ dataset: 'streamed', code: 'INGESTION.UPLOAD_INCOMPLETE' });
      return true;
    });
    await missing('streamed');
  });

  it('names what is wrong with a gRPC upload', async () => {
    const send = (...parts: object[]): Promise<unknown> =>
      ingest.client.uploadDataset(parts as ingestion.UploadDatasetRequest[], call);
    const refused = (field: string) => ({
      code: 'COMMON.INVALID_ARGUMENT',
      details: { violations: [expect.objectContaining({ field })] },
    });
    await expect(send()).rejects.toMatchObject(refused('header'));
    await expect(send({ chunk: Buffer.from('x') })).rejects.toMatchObject(refused('header'));
    await expect(send({ header }, { header })).rejects.toMatchObject(refused('header'));
    await expect(send({ header: { ...header, dataset: '' } })).rejects.toMatchObject(refused('dataset'));
    await expect(send({ header: { ...header, format: 'xlsx' } })).rejects.toMatchObject(refused('format'));
    await expect(send({ header: { ...header, producedBy: 'x'.repeat(501) } })).rejects.toMatchObject(refused('producedBy'));
    const parentVersionIds = Array.from({ length: 101 }, () => 'x');
    await expect(send({ header: { ...header, parentVersionIds } })).rejects.toMatchObject(refused('parentVersionIds'));
    await expect(send({ header: { ...header, columns: { a: 'date' } } })).rejects.toMatchObject(refused('columns.a'));
    await expect(
      send({ header: { ...header, parentVersionIds: ['nobody'] } }, { chunk: Buffer.from('{}') }),
    ).rejects.toMatchObject({
      code: 'COMMON.NOT_FOUND',
    });
  });

  it('names a text over gRPC that is longer than lists can show', async () => {
    const refused = (field: string) => ({ details: { violations: [expect.objectContaining({ field })] } });
    const [description, reason] = ['x'.repeat(10_001), 'x'.repeat(2001)];
    await expect(ingest.client.createDataset({ name: 'wordy', description, requestId: '' }, call)).rejects.toMatchObject(
      refused('description'),
    );
    await missing('wordy');
    const build = { dataset: 'wordy', modelName: 'any', source: 'FEEDBACK_SOURCE_ACCEPTED' as ingestion.FeedbackSource };
    const rest = { rowsPerRaterMax: 0, sinceTime: undefined, tags: {}, requestId: '' };
    await expect(ingest.client.buildFeedbackDataset({ ...build, ...rest, reason }, call)).rejects.toMatchObject(
      refused('reason'),
    );
    await expect(ingest.client.deleteDatasetVersion({ versionId: 'any', reason, requestId: '' }, call)).rejects.toMatchObject(
      refused('reason'),
    );
  });

  it.each([
    ['a/b', '?format=jsonl', 'dataset'],
    ['..', '?format=jsonl', 'dataset'],
    ['ok', '?format=jsonl&columns=a', 'columns'],
    ['ok', '?format=jsonl&columns=a:date', 'columns.a'],
    ['ok', '?format=jsonl&colour=red', 'colour'],
    ['ok', '', 'format'],
  ])('names the wrong field of an upload to %s%s', async (dataset, query, field) => {
    const raw = await ingest.http('POST', `/datasets/${encodeURIComponent(dataset)}/versions${query}`, {
      raw: '{"a":1}\n',
      headers: { 'content-type': 'text/plain' },
    });
    // A URL parser takes ".." for a step up: the route is gone then, which is as good.
    if (dataset === '..') expect(raw.status).toBe(404);
    else expect(raw.body.errors).toEqual([expect.objectContaining({ field })]);
  });

  it('refuses a parsed JSON body with the way out in its message', async () => {
    const answer = await ingest.upload('json', '{"a":1}', 'format=jsonl', { 'content-type': 'application/json' });
    expect(answer).toMatchObject({ status: 415, body: { code: 'COMMON.UNSUPPORTED_MEDIA_TYPE' } });
    expect(answer.body.detail).toContain('application/octet-stream');
  });

  it('quarantines broken CSV records and refuses broken headers', async () => {
    const answer = await ingest.upload(
      'csv',
      Buffer.concat([
        Buffer.from('id,text\n1,fine\n2,"a ""quote"", kept"\n3\n4,bad '),
        Buffer.from([0xff]),
        Buffer.from('\n5,"never closed\n'),
      ]),
      'format=csv',
    );
    expect(answer.body).toMatchObject({ rowsKept: '2', quarantinedByReason: { column_count: '1', invalid_utf8: '1' } });
    const total = Object.values(answer.body.quarantinedByReason as Record<string, string>).reduce(
      (sum, count) => sum + Number(count),
      0,
    );
    expect(Number(answer.body.rowsRead)).toBe(Number(answer.body.rowsKept) + total);
    expect((await ingest.upload('csv', 'id,id\n1,2\n', 'format=csv')).body.detail).toContain('column "id" is named twice');
    expect((await ingest.upload('csv', '', 'format=csv')).body.detail).toContain('needs a header line');
  });

  it('keeps every digit of a Parquet file and refuses half of one', async () => {
    const bytes = await parquet(`select * from (values (9007199254740993::bigint, 'a'), (-5, 'bé')) as t(n, text)`);
    const answer = await ingest.upload('parquet', bytes, 'format=parquet');
    expect(answer.body).toMatchObject({ rowsRead: '2', rowsKept: '2' });
    const { rows } = await ingest.client.listRows({ versionId: answer.body.id, ...page }, call);
    expect(rows[0].json).toContain('9007199254740993');
    expect(rows[1].json).toContain('bé');
    const half = await ingest.upload('parquet', bytes.subarray(0, bytes.length - 10), 'format=parquet');
    expect(half.status).toBe(400);
    // Where the bytes lay is nobody's business.
    expect(half.body.detail).not.toContain('.parquet');
  });

  // DuckDB's stream just ended at the broken page: the version was committed with the rows before it.
  it('refuses a Parquet file that is damaged in the middle, instead of keeping its beginning', async () => {
    const query = 'select i, md5(i::varchar) as text from range(300000) t(i)';
    const bytes = await parquet(query, 'compression zstd, row_group_size 20000');
    bytes.fill(0x5a, 2_900_000, 2_920_000);
    const answer = await ingest.upload('damaged', bytes, 'format=parquet');
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'body' }] } });
    expect(answer.body.detail).toMatch(/not a readable Parquet file: only \d+ of its 300000 rows can be read/);
    await missing('damaged');
  });

  it('refuses a Parquet bomb and a CSV bomb: few bytes, endless rows', async () => {
    const bomb = await parquet(`select repeat('x', 2000) as text from range(50000)`);
    expect(bomb.length).toBeLessThan(50_000);
    expect(await ingest.upload('bomb', bomb, 'format=parquet')).toMatchObject({
      status: 400,
      body: { code: 'INGESTION.UPLOAD_TOO_LARGE' },
    });
    // Each row repeats its header.
    const csv = `${'h'.repeat(100_000)}\n${'1\n'.repeat(1_000)}`;
    expect(await ingest.upload('bomb', csv, 'format=csv')).toMatchObject({
      status: 400,
      body: { code: 'INGESTION.UPLOAD_TOO_LARGE' },
    });
    const wide = await parquet(`select repeat('x', 2000000) as text union all select 'short'`);
    expect((await ingest.upload('wide', wide, 'format=parquet')).body).toMatchObject({
      rowsKept: '1',
      quarantinedByReason: { line_too_long: '1' },
    });
    await missing('bomb');
  });

  // Found by schemathesis: null was a crash of the check, and a number was stored where messages have text.
  it('refuses tags that are no text', async () => {
    const { body } = await ingest.upload('tagged', '{"a":1}\n');
    const cases = [
      { tags: { a: null }, field: 'tags.a' },
      { tags: { a: 5 }, field: 'tags.a' },
      { tags: { a: { b: 'c' } }, field: 'tags.a' },
      { tags: ['a'], field: 'tags' },
    ];
    for (const { tags, field } of cases) {
      const answers = [
        await ingest.http('PUT', `/dataset-versions/${body.id}/tags`, { body: { tags } }),
        await ingest.http('POST', '/feedback-datasets', { body: { dataset: 'tagged', modelName: 'm', tags } }),
      ];
      for (const answer of answers) expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } });
    }
  });

  it('turns a third upload away while two run, with a hint', async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    async function* slow(dataset: string): AsyncGenerator<ingestion.UploadDatasetRequest> {
      yield { header: { ...header, dataset }, chunk: undefined };
      yield { header: undefined, chunk: Buffer.from('{"a":1}\n') };
      await held;
    }
    const running = ['slow-1', 'slow-2'].map((dataset) => ingest.client.uploadDataset(slow(dataset), call));
    await inFlight(2);
    await eventually(async () => {
      const answer = await ingest.upload('busy', '{"a":1}\n');
      expect(answer).toMatchObject({ status: 429, body: { code: 'INGESTION.UPLOADS_BUSY' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      return true;
    });
    release!();
    await Promise.all(running);
    expect((await ingest.upload('busy', '{"a":1}\n')).status).toBe(201);
  });
});
