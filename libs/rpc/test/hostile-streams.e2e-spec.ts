// SPDX-License-Identifier: Apache-2.0
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { mintToken, parsePlatformKey } from '#libs/auth';
import { HealthRegistry, Metrics } from '#libs/observability';
import { eventually } from '#libs/testing';
import type { RpcServer } from '../src';
import { chunk, create, EchoGrpc, header, makeServer, SECRET } from './echo-grpc';
import { EchoService } from './echo-service';

const IDLE_MS = 400;

interface Answer {
  code: number;
  message: string;
}

/** Callers that no gRPC library would be: they speak HTTP/2 by hand. */
describe('an rpc server and hostile streams', () => {
  const metrics = new Metrics('spec');
  let echo: EchoGrpc;
  let server: RpcServer;
  let session: ClientHttp2Session;
  let authorization: string;

  beforeAll(async () => {
    const token = await mintToken(parsePlatformKey(SECRET), { subject: 'eve', roles: { '*': 'admin' }, expiresInSeconds: 60 });
    authorization = `Bearer ${token}`;
  });
  beforeEach(async () => {
    echo = new EchoGrpc();
    const requestPace = { idleMs: IDLE_MS, bytesPerSecondMin: 2000 };
    server = makeServer(echo, { health: new HealthRegistry(), metrics, requestPace });
    session = connect(`http://${await server.listen()}`);
  });
  afterEach(async () => {
    session.destroy();
    await server.drain(1000);
  });
  afterAll(() => metrics.close());

  function open(path: string, headers: Record<string, string> = {}): { stream: ClientHttp2Stream; answer: Promise<Answer> } {
    const stream = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', authorization, ...headers },
      { endStream: false },
    );
    const answer = new Promise<Answer>((resolve) => {
      const take = (fields: Record<string, string | string[] | number | undefined>): void => {
        if (fields['grpc-status'] === undefined) return;
        resolve({ code: Number(fields['grpc-status']), message: decodeURIComponent(String(fields['grpc-message'] ?? '')) });
      };
      stream.on('response', take);
      stream.on('trailers', take);
    });
    stream.on('error', () => undefined);
    stream.resume();
    return { stream, answer };
  }
  function framed(message: Buffer, compressed = 0): Buffer {
    const head = Buffer.alloc(5);
    head.writeUInt8(compressed, 0);
    head.writeUInt32BE(message.length, 1);
    return Buffer.concat([head, message]);
  }
  const { uploadDataset, createDataset } = EchoService;
  const part = (request: ReturnType<typeof header>): Buffer => framed(uploadDataset.requestSerialize(request));

  it('ends a request stream without a message, its handler too, whatever the caller does', async () => {
    const { stream, answer } = open(uploadDataset.path);
    stream.write(part(header('x')));
    expect(await answer).toMatchObject({ code: status.DEADLINE_EXCEEDED, message: expect.stringContaining('nothing came') });
    await eventually(() => echo.seen.ended[0] === 'COMMON.DEADLINE');
  });

  it('ends a request stream of a few bytes now and then', async () => {
    const { stream, answer } = open(uploadDataset.path);
    const timer = setInterval(() => stream.write(part(chunk(1))), IDLE_MS / 8);
    expect(await answer).toMatchObject({ code: status.DEADLINE_EXCEEDED, message: expect.stringContaining('less than 2000') });
    clearInterval(timer);
    await eventually(() => echo.seen.ended[0] === 'COMMON.DEADLINE');
  });

  it('reads a slow but steady request stream to its end', async () => {
    const pieces = 40;
    const { stream, answer } = open(uploadDataset.path);
    let left = pieces;
    const timer = setInterval(() => {
      if (left > 0) stream.write(part(chunk(500)));
      else stream.end();
      left -= 1;
    }, 50);
    expect(await answer).toMatchObject({ code: status.OK });
    clearInterval(timer);
    expect(echo.seen).toMatchObject({ received: 500 * pieces, ended: ['upload whole'] });
  });

  it('tells a handler that waits for a message when the deadline passes, though its caller keeps the stream open', async () => {
    const { stream, answer } = open(uploadDataset.path, { 'grpc-timeout': `${IDLE_MS / 2}m` });
    stream.write(part(header('x')));
    expect(await answer).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await eventually(() => echo.seen.ended.length === 1);
    expect(stream.writable).toBe(true);
  });

  it('unpacks a gzip bomb no further than the size of a message, and lives', async () => {
    // Half a GiB of zeros in half a MiB: a gzip file of many members.
    const bomb = Buffer.concat(Array<Buffer>(32).fill(gzipSync(Buffer.alloc(16 * 1024 * 1024), { level: 9 })));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    const before = process.memoryUsage().rss;
    for (const { path } of [createDataset, uploadDataset]) {
      const { stream, answer } = open(path, { 'grpc-encoding': 'gzip' });
      stream.end(framed(bomb, 1));
      expect(await answer).toMatchObject({
        code: status.RESOURCE_EXHAUSTED,
        message: expect.stringContaining('decompresses to a size larger than'),
      });
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
    const { stream, answer } = open(createDataset.path, { 'grpc-encoding': 'gzip' });
    stream.end(framed(gzipSync(createDataset.requestSerialize(create('packed'))), 1));
    expect(await answer).toMatchObject({ code: status.OK });
  });

  // grpc-js answers INTERNAL by itself.
  it('takes packed bytes that cannot be unpacked for the mistake of the caller', async () => {
    for (const { path } of [createDataset, uploadDataset]) {
      const { stream, answer } = open(path, { 'grpc-encoding': 'gzip' });
      stream.end(framed(Buffer.from('no gzip at all'), 1));
      expect(await answer).toEqual({ code: status.INVALID_ARGUMENT, message: 'request: cannot be unpacked' });
    }
  });
});
