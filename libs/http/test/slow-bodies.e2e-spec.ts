// SPDX-License-Identifier: Apache-2.0
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { silentLogger } from '#libs/observability';
import { eventually } from '#libs/testing';
import { createHttpApp, ErrorFilter, RawBodyStream } from '../src';

const IDLE_MS = 400;
/** Ten times what a body may be silent: what takes this long was not timed. */
const LONG_MS = 10 * IDLE_MS;
const BYTES_PER_SECOND_MIN = 2000;

const broken: string[] = [];

async function bytesOf(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

@Controller()
class BodiesHttp {
  @Post(['json', 'v1/json', 'api/2.0/mlflow/json'])
  @HttpCode(200)
  json(@Body() body: unknown): unknown {
    return body;
  }

  @Post('upload')
  @HttpCode(200)
  async upload(@RawBodyStream() stream: Readable): Promise<unknown> {
    return { bytes: await bytesOf(stream).catch((error: Error) => broken.push(error.message) && Promise.reject(error)) };
  }

  @Post('late-reader')
  @HttpCode(200)
  async readLate(@RawBodyStream() stream: Readable): Promise<unknown> {
    await delay(LONG_MS);
    return { bytes: await bytesOf(stream) };
  }

  @Post('late-answer')
  @HttpCode(200)
  async answerLate(@Body() body: unknown): Promise<unknown> {
    await delay(LONG_MS);
    return body;
  }
}

@Module({ controllers: [BodiesHttp], providers: [{ provide: APP_FILTER, useValue: new ErrorFilter(silentLogger()) }] })
class BodiesModule {}

describe('the body of a request', () => {
  let app: NestFastifyApplication;
  let port: number;

  beforeAll(async () => {
    app = await createHttpApp(BodiesModule, silentLogger(), {
      bodyBytesMax: 1000,
      bodyPace: { idleMs: IDLE_MS, bytesPerSecondMin: BYTES_PER_SECOND_MIN },
    });
    await app.listen(0, '127.0.0.1');
    port = Number(new URL(await app.getUrl()).port);
  });
  afterEach(() => broken.splice(0));
  afterAll(() => app.close());

  interface Sent {
    answer: string;
    ms: number;
  }

  /** Sends a head and `first`, then `piece` every `everyMs` until `pieces` are sent or the connection ends. */
  function send(head: string, first: string | Buffer, drip = { piece: '', everyMs: 0, pieces: 0 }): Promise<Sent> {
    const startedMs = performance.now();
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      let left = drip.pieces;
      const timer = setInterval(() => {
        if (left > 0) socket.write(drip.piece);
        left -= 1;
      }, drip.everyMs || LONG_MS);
      socket.on('data', (chunk) => (answer += chunk.toString()));
      socket.on('error', () => undefined);
      socket.once('close', () => {
        clearInterval(timer);
        resolve({ answer, ms: performance.now() - startedMs });
      });
      socket.write(`POST ${head}\r\nHost: x\r\nConnection: close\r\n`);
      socket.write(first);
    });
  }
  const jsonHead = 'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n';
  const bytesHead = (bytes: number): string => `Content-Type: text/csv\r\nContent-Length: ${bytes}\r\n\r\n`;

  it.each([
    ['/json', '"code":"COMMON.REQUEST_TIMEOUT"'],
    ['/v1/json', '"code":"request_timeout"'],
    ['/api/2.0/mlflow/json', '"error_code":"DEADLINE_EXCEEDED"'],
  ])('that stops coming is answered 408 in the format of %s, and the connection ends', async (path, code) => {
    const { answer, ms } = await send(`${path} HTTP/1.1`, `${jsonHead}{"a":`);
    expect(answer).toMatch(/^HTTP\/1\.1 408 [^]*connection: close/i);
    expect(answer).toContain(code);
    expect(answer).toContain('nothing came for 0.4 s');
    expect(ms).toBeGreaterThanOrEqual(IDLE_MS);
    expect(ms).toBeLessThan(LONG_MS);
  });

  it('that comes a byte now and then is answered 408 as well, and its reader is told', async () => {
    const drip = { piece: 'x', everyMs: IDLE_MS / 8, pieces: 1000 };
    const { answer, ms } = await send('/upload HTTP/1.1', `${bytesHead(1_000_000)}${'x'.repeat(10_000)}`, drip);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('less than 2000 bytes a second came');
    expect(ms).toBeLessThan(LONG_MS);
    await eventually(() => broken.length === 1);
  });

  it('that comes slowly but steadily is read to its end', async () => {
    const pieces = 40;
    const drip = { piece: 'x'.repeat(500), everyMs: 50, pieces };
    const { answer, ms } = await send('/upload HTTP/1.1', bytesHead(500 * pieces), drip);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain(`{"bytes":${500 * pieces}}`);
    expect(ms).toBeGreaterThan(3 * IDLE_MS);
  });

  it('is not timed while its handler does not read it', async () => {
    const bytes = 3_000_000;
    const { answer, ms } = await send('/late-reader HTTP/1.1', Buffer.from(bytesHead(bytes) + 'x'.repeat(bytes)));
    expect(answer).toContain(`{"bytes":${bytes}}`);
    expect(ms).toBeGreaterThanOrEqual(LONG_MS);
  });

  it('once it is there, leaves its answer all the time it needs', async () => {
    const { answer, ms } = await send(
      '/late-answer HTTP/1.1',
      'Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*{"a":1}$/);
    expect(ms).toBeGreaterThanOrEqual(LONG_MS);
  });

  it('ends its connection also when the answer did not wait for it', async () => {
    const head = '/unknown HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\nx';
    const { answer, ms } = await new Promise<Sent>((resolve) => {
      const startedMs = performance.now();
      const socket = connect(port, '127.0.0.1', () => socket.write(`POST ${head}`));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('error', () => undefined);
      socket.once('close', () => resolve({ answer: text, ms: performance.now() - startedMs }));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(ms).toBeLessThan(LONG_MS);
  });
});
