// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { startTestService, type TestService } from '#libs/testing';
import { AppModule } from '../../../services/ingestion/src/app.module';
import { IngestionSettings } from '../../../services/ingestion/src/config';
import { migrations } from '../../../services/ingestion/src/migrations';

/** What hostile clients send to a real service: the answer is a bounded 4xx in the right format, and the service goes on. */
describe('hostile HTTP requests', () => {
  let service: TestService;
  let port: number;

  beforeAll(async () => {
    service = await startTestService({
      service: 'ingestion',
      settings: IngestionSettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: { HTTP_BODY_BYTES_MAX: '1048576' },
    });
    port = Number(new URL(service.baseUrl).port);
  }, 60_000);
  afterEach(async () => {
    expect((await fetch(`${service.baseUrl}/health/live`, { headers: { connection: 'close' } })).status).toBe(200);
  });
  afterAll(() => service.close());

  /** Sends bytes as they are and gives back all that comes until the connection ends. */
  function raw(...pieces: (string | Buffer)[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      socket.setTimeout(60_000, () => socket.destroy(new Error(`no end of the answer: ${answer.slice(0, 500)}`)));
      socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
      socket.once('close', () => resolve(answer));
      // Cut off while it still writes: what was answered before is what counts.
      socket.once('error', (error: NodeJS.ErrnoException) =>
        /EPIPE|ECONNRESET/.test(error.code ?? '') ? resolve(answer) : reject(error),
      );
      for (const piece of pieces) socket.write(piece);
    });
  }
  const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
  const HOST = 'Host: x\r\nConnection: close\r\n';

  async function post(body: string | Buffer, headers: Record<string, string> = {}) {
    const answer = await fetch(`${service.baseUrl}/api/v1/datasets`, {
      method: 'POST',
      body: body as RequestInit['body'],
      headers: { 'content-type': 'application/json', connection: 'close', ...headers },
    });
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      body: (await answer.json()) as Record<string, unknown>,
    };
  }

  it.each([
    ['a JSON bomb of brackets', '['.repeat(100_000), /nests deeper than 200/],
    ['201 levels of objects', `${'{"a":'.repeat(201)}1${'}'.repeat(201)}`, /nests deeper than 200/],
    ['__proto__', '{"name":"a","__proto__":{"role":"admin"}}', /JSON|proto/i],
    ['constructor.prototype', '{"name":"a","constructor":{"prototype":{"role":"admin"}}}', /JSON|constructor|proto/i],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0x6e, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), /UTF-8/],
    ['a number beyond any double', '{"name":1e999}', /name/],
    ['NUL in a text', '{"name":"a","description":"a\\u0000b"}', /"field":"description","message":"holds a NUL/],
    ['half a surrogate pair', '{"name":"a","description":"a\\uD800b"}', /"field":"description","message":"holds half/],
    ['half a surrogate pair in a name', '{"name":"a","x":{"\\udc00":1}}', /"field":"x","message":"holds half/],
    ['half a JSON', '{"name":', /JSON/],
  ])('refuses %s as the caller’s mistake', async (_name, body, detail) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status: 400, type: expect.stringContaining('application/problem+json') });
    expect(JSON.stringify(answer.body)).toMatch(detail);
    expect(({} as Record<string, unknown>).role).toBeUndefined();
  });

  // Found by schemathesis: the stream of such a body was cloned by class-transformer, socket and all, and the process aborted.
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense'])(
    'refuses a body of type %s where JSON is read, and lives',
    async (type) => {
      expect(await post('{"name":"a"}', { 'content-type': type })).toMatchObject({
        status: 415,
        body: { code: 'COMMON.UNSUPPORTED_MEDIA_TYPE' },
      });
    },
  );

  it('lets a harmless depth through to the validators', async () => {
    const answer = await post(`{"name":"deep","description":"[[[[${'['.repeat(500)}","x":${'['.repeat(150)}${']'.repeat(150)}}`);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'x', message: 'unknown field' }] } });
  });

  it('refuses a body beyond its bound, announced or not', async () => {
    const announced = await raw(
      `POST /api/v1/datasets HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n{`,
    );
    expect(statusOf(announced)).toBe(413);
    expect(announced).toContain('COMMON.PAYLOAD_TOO_LARGE');
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    const chunked = await raw(
      `POST /api/v1/datasets HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...Array<string>(20).fill(chunk),
      '0\r\n\r\n',
    );
    expect(statusOf(chunked)).toBe(413);
  });

  it('unpacks nothing: a gzip bomb is refused before it is read, for JSON and for uploads', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    expect(await post(bomb, { 'content-encoding': 'gzip' })).toMatchObject({
      status: 415,
      body: { code: 'COMMON.UNSUPPORTED_MEDIA_TYPE' },
    });
    const upload = await fetch(`${service.baseUrl}/api/v1/datasets/a/versions?format=jsonl`, {
      method: 'POST',
      body: bomb as RequestInit['body'],
      headers: { 'content-type': 'application/x-ndjson', 'content-encoding': 'br, gzip', connection: 'close' },
    });
    expect(upload.status).toBe(415);
    await upload.text();
  });

  it('refuses headers beyond 64 KiB', async () => {
    expect(statusOf(await raw(`GET /version HTTP/1.1\r\n${HOST}X-Bomb: ${'a'.repeat(70_000)}\r\n\r\n`))).toBe(431);
  });

  it('answers very long paths and queries', async () => {
    expect([400, 404, 414]).toContain(statusOf(await raw(`GET /api/v1/datasets/${'a'.repeat(30_000)} HTTP/1.1\r\n${HOST}\r\n`)));
    expect(statusOf(await raw(`GET /api/v1/datasets?x=${'a'.repeat(30_000)} HTTP/1.1\r\n${HOST}\r\n`))).toBe(400);
  });

  it.each([
    '/api/v1/datasets/%00%ff%2e%2e%2f',
    '/api/v1/datasets/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '/api/v1/datasets/..%2f..%2f..%2fetc%2fpasswd/versions',
    '/api/v1/datasets/../../../../etc/passwd',
    '/w/..%2fother/api/v1/datasets',
    '/w/../../api/v1/datasets',
  ])('takes the path %s for no step out of its place', async (path) => {
    const answer = await raw(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
    expect([400, 404]).toContain(statusOf(answer));
    expect(answer).not.toContain('root:');
  });

  it('refuses workspaces that look like paths', async () => {
    for (const workspace of ['../other', '..', 'a/b', '%2e%2e', 'a\\b']) {
      const answer = await raw(`GET /api/v1/datasets HTTP/1.1\r\n${HOST}x-millrace-workspace: ${workspace}\r\n\r\n`);
      expect([workspace, statusOf(answer)]).toEqual([workspace, 400]);
    }
  });

  it.each([
    ['both content-length and transfer-encoding', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'],
    ['two content-lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n'],
    ['a transfer-encoding that does not end in chunked', 'Transfer-Encoding: chunked, identity\r\n'],
    ['a content-length that is no number', 'Content-Length: 4a\r\n'],
  ])('refuses %s: nothing may be smuggled behind it', async (_name, headers) => {
    const smuggled = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await raw(
      `POST /api/v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n0\r\n\r\n${smuggled}`,
    );
    expect(statusOf(answer)).toBe(400);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).not.toContain('millrace_');
  });

  it('refuses a request without Host and a header with a bare newline', async () => {
    expect(statusOf(await raw('GET /version HTTP/1.1\r\nConnection: close\r\n\r\n'))).toBe(400);
    expect(statusOf(await raw(`GET /version HTTP/1.1\r\n${HOST}X-A: 1\nX-B: 2\r\n\r\n`))).toBe(400);
  });

  it('takes one of two workspaces for none of them', async () => {
    const answer = await raw(
      `GET /api/v1/datasets HTTP/1.1\r\n${HOST}x-millrace-workspace: a\r\nx-millrace-workspace: b\r\n\r\n`,
    );
    expect(statusOf(answer)).toBe(400);
    expect(statusOf(await raw(`GET /w/a/api/v1/datasets HTTP/1.1\r\n${HOST}x-millrace-workspace: b\r\n\r\n`))).toBe(400);
  });

  it('cuts a client that does not finish its headers', async () => {
    const started = Date.now();
    const answer = await raw('GET /version HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect(statusOf(answer)).toBe(408);
    // Ten seconds, and five until the next look at the connections; Node's own patience is 60 s.
    expect(Date.now() - started).toBeLessThan(40_000);
  }, 70_000);
});
