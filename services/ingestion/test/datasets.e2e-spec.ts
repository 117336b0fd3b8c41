// SPDX-License-Identifier: Apache-2.0
import { ingestion } from '#libs/contracts';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { eventually, startTestService, type TestService } from '#libs/testing';
import { AppModule } from '../src/app.module';
import { IngestionSettings } from '../src/config';
import { migrations } from '../src/migrations';

type Datasets = RpcClient<typeof ingestion.DatasetServiceService>;

describe('datasets', () => {
  let service: TestService;
  let client: Datasets;
  const call = { workspace: 'default', deadlineMs: 10_000 };

  beforeAll(async () => {
    service = await startTestService({
      service: 'ingestion',
      settings: IngestionSettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: { ROW_BYTES_MAX: '2048', CHUNK_BYTES: '4096' },
    });
    client = createRpcClient(ingestion.DatasetServiceService, { address: service.grpcAddress, service: 'spec' });
  }, 60_000);
  afterAll(async () => {
    client.close();
    await service.close();
  });

  const upload = (dataset: string, body: string | Buffer, query = 'format=jsonl', headers: Record<string, string> = {}) =>
    fetch(`${service.baseUrl}/api/v1/datasets/${dataset}/versions?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream', ...headers },
      body: body as string,
    });

  it('keeps good rows, quarantines bad ones with line and reason, and the counts add up', async () => {
    const lines = [
      '{"text":"a rose","n":9007199254740993}',
      '{"text":',
      '[1]',
      '{"a":1,"a":2}',
      `{"text":"${'x'.repeat(3000)}"}`,
      '{"_row_id":"mine","text":"b"}',
      '',
      '{"text":"nul \\u0000"}',
      '{"text":"last, without a line end"}',
    ];
    const body = Buffer.concat([Buffer.from(lines.join('\n')), Buffer.from('\n'), Buffer.from([0x7b, 0xff, 0x7d])]);
    const response = await upload('mixed', body);
    const version = (await response.json()) as Record<string, unknown>;
    expect(version).toMatchObject({
      rowsRead: '9',
      rowsKept: '2',
      rowsQuarantined: '7',
      quarantinedByReason: {
        invalid_json: '1',
        not_an_object: '1',
        duplicate_key: '1',
        line_too_long: '1',
        reserved_field: '1',
        nul_byte: '1',
        invalid_utf8: '1',
      },
    });
    const listed = await client.listQuarantinedRows({ versionId: version.id as string, pageSize: 3, pageToken: '' }, call);
    expect(listed.rows.map((row) => [row.line, row.reason])).toEqual([
      ['2', 'invalid_json'],
      ['3', 'not_an_object'],
      ['4', 'duplicate_key'],
    ]);
    expect(listed.nextPageToken).not.toBe('');
    const rows = await client.listRows({ versionId: version.id as string, pageSize: 10, pageToken: '' }, call);
    expect(rows.rows.map((row) => row.json)).toEqual([
      expect.stringMatching(/^\{"_row_id":"[0-9a-f]{12}-0","text":"a rose","n":9007199254740993\}$/),
      expect.stringContaining('last, without a line end'),
    ]);
  });

  it('refuses an upload that breaks off, keeps nothing of it and lists it', async () => {
    const whole = Buffer.from('{"text":"one"}\n'.repeat(2000));
    const cut = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(whole.subarray(0, 9001));
        setTimeout(() => controller.error(new Error('cable pulled')), 50);
      },
    });
    await expect(
      fetch(`${service.baseUrl}/api/v1/datasets/cut/versions?format=jsonl`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: cut,
        duplex: 'half',
      }),
    ).rejects.toThrow();
    await expect(client.getDataset({ dataset: 'cut' }, call)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    await eventually(async () => {
      const { uploads } = await client.listUploads({ pageSize: 1, pageToken: '' }, call);
      expect(uploads[0]).toMatchObject({ dataset: 'cut', state: 'refused', versionId: '', code: 'INGESTION.UPLOAD_INCOMPLETE' });
    });
  });

  it('answers a repeated request id with the first version, and refuses it for other bytes', async () => {
    const first = await upload('again', '{"a":1}\n', 'format=jsonl&requestId=r-1');
    const second = await upload('again', '{"a":1}\n', 'format=jsonl&requestId=r-1');
    expect(((await second.json()) as { id: string }).id).toBe(((await first.json()) as { id: string }).id);
    const other = await upload('again', '{"a":2}\n', 'format=jsonl&requestId=r-1');
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: 'COMMON.REQUEST_ID_REUSED' });
  });

  it('reads CSV and Parquet, and names what is wrong with a file', async () => {
    const csv = await upload('table', 'name,age\n"Ann, B",07\nonly-one\nEve,9\n', 'format=csv');
    expect(await csv.json()).toMatchObject({ rowsKept: '2', rowsQuarantined: '1', quarantinedByReason: { column_count: '1' } });
    const noParquet = await upload('table', 'no parquet at all', 'format=parquet');
    expect(noParquet.status).toBe(400);
    expect(await noParquet.json()).toMatchObject({ code: 'COMMON.INVALID_ARGUMENT', errors: [{ field: 'body' }] });
    const unknown = await upload('table', 'x', 'format=xml');
    expect(await unknown.json()).toMatchObject({ errors: [{ field: 'format' }] });
    const typed = await upload('typed', '{"text":"a","n":1}\n{"text":5,"n":1}\n{"n":1}\n', 'format=jsonl&columns=text:string');
    expect(await typed.json()).toMatchObject({ rowsKept: '1', quarantinedByReason: { wrong_type: '1', missing_column: '1' } });
  });

  it('gives racing uploads of a new dataset their own numbers', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map((n) => upload('race', `{"n":${n}}\n`)));
    const versions = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { version: number }).version));
    expect(versions.sort()).toEqual([1, 2, 3, 4]);
  });

  it('exports what it took, over gRPC in chunks, and keeps row ids of derived versions', async () => {
    const rows = Array.from({ length: 500 }, (_, n) => `{"_row_id":"r-${n}","text":"row ${n}"}`);
    const header = {
      dataset: 'derived',
      format: 'jsonl',
      kind: ingestion.DatasetVersionKind.DATASET_VERSION_KIND_PREPARED,
      parentVersionIds: [],
      producedBy: 'spec',
      tags: { split: 'train' },
      requestId: 'd-1',
      sha256: '',
      keepRowIds: true,
      columns: {},
    };
    const parts = [
      { header },
      { chunk: Buffer.from(rows.slice(0, 300).join('\n') + '\n') },
      { chunk: Buffer.from(rows.slice(300).join('\n')) },
    ];
    const { version } = await client.uploadDataset(parts as ingestion.UploadDatasetRequest[], call);
    expect(version).toMatchObject({ rowsKept: '500', tags: { split: 'train' } });
    const chunks: Buffer[] = [];
    for await (const { chunk } of client.exportDatasetVersion({ versionId: version?.id ?? '' }, call)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe(`${rows.join('\n')}\n`);
  });

  it('shows nothing of one workspace in another', async () => {
    const version = (await (await upload('secret', '{"a":1}\n', 'format=jsonl', { 'x-millrace-workspace': 'alpha' })).json()) as {
      id: string;
    };
    const beta = { ...call, workspace: 'beta' };
    const versionId = version.id;
    const page = { pageSize: 10, pageToken: '' };
    await expect(client.getDataset({ dataset: 'secret' }, beta)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    await expect(client.getDatasetVersion({ version: versionId }, beta)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    await expect(client.listDatasetVersions({ dataset: 'secret', ...page }, beta)).rejects.toMatchObject({
      code: 'COMMON.NOT_FOUND',
    });
    await expect(client.listRows({ versionId, ...page }, beta)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    await expect(client.listQuarantinedRows({ versionId, ...page }, beta)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
    await expect(client.deleteDatasetVersion({ versionId, reason: 'x', requestId: '' }, beta)).rejects.toMatchObject({
      code: 'COMMON.NOT_FOUND',
    });
    expect((await client.listDatasets(page, beta)).datasets).toEqual([]);
    expect((await client.listUploads(page, beta)).uploads).toEqual([]);
    const exported = await fetch(`${service.baseUrl}/w/beta/api/v1/dataset-versions/${versionId}/export`);
    expect(exported.status).toBe(404);
  });
});
