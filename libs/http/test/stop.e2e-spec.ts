// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { silentLogger } from '#libs/observability';
import { eventually } from '#libs/testing';
import { createHttpApp } from '../src';

let answer: () => void = () => undefined;
let asked: () => void = () => undefined;

@Controller('slow')
class SlowHttp {
  @Get()
  async get(): Promise<string> {
    asked();
    await new Promise<void>((resolve) => (answer = resolve));
    return 'answered';
  }
}

@Module({ controllers: [SlowHttp] })
class SlowModule {}

/** Far below the shutdown sequence's limit for this stage (12 s), far above what a stop takes. */
const STOP_MS_MAX = 6000;

describe('a stop', () => {
  let app: NestFastifyApplication;
  let port: number;
  let sockets: Socket[];

  beforeEach(async () => {
    app = await createHttpApp(SlowModule, silentLogger(), {
      bodyBytesMax: 1000,
      bodyPace: { idleMs: 30_000, bytesPerSecondMin: 1024 },
    });
    await app.listen(0, '127.0.0.1');
    port = Number(new URL(await app.getUrl()).port);
    sockets = [];
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await app.close();
  });

  async function open(text = ''): Promise<Socket> {
    const accepted = once(app.getHttpServer(), 'connection') as Promise<[Socket]>;
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    sockets.push(socket);
    if (text !== '') socket.write(text);
    const [server] = await accepted;
    await eventually(async () => server.bytesRead === text.length);
    return socket;
  }
  async function stopMs(): Promise<number> {
    const startedMs = performance.now();
    await app.close();
    return performance.now() - startedMs;
  }

  it('does not wait for a connection that never sent a request', async () => {
    await open();
    expect(await stopMs()).toBeLessThan(STOP_MS_MAX);
  });

  it('does not wait for a client that stopped in the middle of its headers', async () => {
    await open('GET /slow HTTP/1.1\r\nhost: x\r\nx-half');
    expect(await stopMs()).toBeLessThan(STOP_MS_MAX);
  });

  it('answers a request that came, however long it takes, and ends its connection with the answer', async () => {
    const came = new Promise<void>((resolve) => (asked = resolve));
    const socket = await open('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString()));
    const ended = once(socket, 'close');
    await came;
    const stopped = stopMs();
    // Longer than the grace for headers: a request under way is not cut off by it.
    setTimeout(() => answer(), 2500);
    expect(await stopped).toBeLessThan(STOP_MS_MAX);
    await ended;
    expect(text).toMatch(/^HTTP\/1.1 200[^]*connection: close[^]*answered$/i);
  }, 15_000);
});
