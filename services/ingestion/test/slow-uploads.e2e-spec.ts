// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net';
import { eventually } from '#libs/testing';
import { call, startIngestion, type IngestionUnderTest } from './support';

const IDLE_SECONDS = 1;

describe('slow uploads', () => {
  let ingest: IngestionUnderTest;
  beforeAll(async () => {
    ingest = await startIngestion({ UPLOADS_RUNNING_MAX: '2', HTTP_BODY_IDLE_SECONDS: String(IDLE_SECONDS) });
  }, 60_000);
  afterAll(() => ingest.close());

  /** An upload of which `piece` comes every `everyMs`; the answer once its connection ended. */
  function drip(
    dataset: string,
    { piece, everyMs, pieces }: { piece: string; everyMs: number; pieces: number },
  ): Promise<string> {
    const { hostname, port } = new URL(ingest.service.baseUrl);
    return new Promise((resolve) => {
      let answer = '';
      let left = pieces;
      const socket = connect(Number(port), hostname, () =>
        socket.write(
          `POST /api/v1/datasets/${dataset}/versions?format=jsonl HTTP/1.1\r\nhost: x\r\nconnection: close\r\n` +
            `content-type: application/x-ndjson\r\ncontent-length: ${piece.length * pieces}\r\n\r\n`,
        ),
      );
      const timer = setInterval(() => {
        if (left > 0) socket.write(piece);
        left -= 1;
      }, everyMs);
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('error', () => undefined);
      socket.once('close', () => {
        clearInterval(timer);
        resolve(answer);
      });
    });
  }

  it('do not lock others out: a trickle is answered 408, nothing of it is kept, and its place is free again', async () => {
    const trickles = ['trickle-1', 'trickle-2'].map((dataset) =>
      drip(dataset, { piece: '{"a":1}\n', everyMs: 200, pieces: 1e6 }),
    );
    await eventually(async () => {
      const answer = await ingest.upload('honest', '{"a":1}\n');
      expect(answer).toMatchObject({ status: 429, body: { code: 'INGESTION.UPLOADS_BUSY' } });
      return true;
    });
    for (const answer of await Promise.all(trickles)) {
      expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*content-type: application\/problem\+json/i);
      expect(answer).toContain('COMMON.REQUEST_TIMEOUT');
    }
    await eventually(async () => expect((await ingest.upload('honest', '{"a":1}\n')).status).toBe(201));
    const { uploads } = await ingest.client.listUploads({ pageSize: 10, pageToken: '' }, call);
    const refused = uploads.filter(({ dataset }) => dataset.startsWith('trickle-'));
    expect(refused).toHaveLength(2);
    for (const upload of refused) expect(upload).toMatchObject({ state: 'refused', code: 'INGESTION.UPLOAD_INCOMPLETE' });
    await expect(ingest.client.getDataset({ dataset: 'trickle-1' }, call)).rejects.toMatchObject({ code: 'COMMON.NOT_FOUND' });
  });

  it('that are honest are kept: 20 KB a second for several times the patience of the server', async () => {
    const row = `{"a":"${'x'.repeat(1991)}"}\n`;
    expect(row).toHaveLength(2000);
    const answer = await drip('slow-link', { piece: row, everyMs: 100, pieces: 40 });
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(answer).toContain('"rowsKept":"40"');
  });
});
