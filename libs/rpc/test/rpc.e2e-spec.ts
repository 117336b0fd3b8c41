// SPDX-License-Identifier: Apache-2.0
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { mintToken, parsePlatformKey } from '#libs/auth';
import type { ingestion } from '#libs/contracts';
import { createLogger, currentTrace, HealthRegistry, Metrics, runInSpan } from '#libs/observability';
import { createRpcClient, type RpcClient, type RpcServer } from '../src';
import { chunk, create, EchoGrpc, header, makeServer, SECRET, until } from './echo-grpc';
import { EchoService } from './echo-service';

describe('rpc', () => {
  const key = parsePlatformKey(SECRET);
  const metrics = new Metrics('spec');
  const health = new HealthRegistry();
  const logged: string[] = [];
  let echo: EchoGrpc;
  let server: RpcServer;
  let address: string;
  let client: RpcClient<typeof EchoService>;

  beforeAll(async () => {
    echo = new EchoGrpc();
    server = makeServer(echo, {
      health,
      metrics,
      logger: createLogger('spec', 'info', { write: (line) => void logged.push(line) }),
    });
    address = await server.listen();
    client = createRpcClient(EchoService, {
      address,
      service: 'spec',
      token: () => mintToken(key, { subject: 'ada', roles: { '*': 'admin' }, expiresInSeconds: 60 }),
      idempotent: ['getDataset'],
      messageBytesMax: 1024 * 1024,
    });
  });
  beforeEach(() => {
    echo.seen = { produced: 0, received: 0, calls: 0, ended: [] };
    logged.length = 0;
  });
  afterAll(async () => {
    client.close();
    await server.drain(1000);
    metrics.close();
  });

  const settings = { deadlineMs: 5000, workspace: 'team-a' };

  it('carries workspace, principal, deadline, request id and trace', async () => {
    let traceId: string | undefined;
    await runInSpan({ name: 'caller' }, async () => {
      traceId = currentTrace()!.traceId;
      await client.createDataset(create('x'), { ...settings, requestId: 'req-1' });
    });
    expect(echo.seen.ctx).toMatchObject({ workspace: 'team-a', requestId: 'req-1', principal: { subject: 'ada' } });
    expect(echo.seen.trace).toBe(traceId);
    expect(echo.seen.remainingMs).toBeGreaterThan(3000);
    expect(echo.seen.remainingMs).toBeLessThanOrEqual(5001);
  });

  it('gives the caller the same code, kind, details and hint', async () => {
    await expect(client.createDataset(create('full'), settings)).rejects.toMatchObject({
      code: 'RPC_SPEC.SHELF_FULL',
      kind: 'exhausted',
      retry: 'later',
      message: 'no room on shelf',
      details: { shelf: 3 },
      retryAfterMs: 1500,
    });
    await expect(client.createDataset(create('bad'), settings)).rejects.toMatchObject({
      code: 'COMMON.INVALID_ARGUMENT',
      details: { violations: [{ field: 'name', message: 'is bad' }] },
    });
  });

  it('hides bugs', async () => {
    const error = await client.createDataset(create('bug'), settings).catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: 'COMMON.INTERNAL', message: 'internal error' });
  });

  it.each(['hang', 'ignore'])('ends a call at its deadline when the handler would %s', async (name) => {
    await expect(client.createDataset(create(name), { ...settings, deadlineMs: 150 })).rejects.toMatchObject({
      code: 'COMMON.DEADLINE',
    });
  });

  it.each(['late', 'hang', 'ignore'])('tells the log of a call that ran out of time (%s), by its request id', async (name) => {
    const call = client.createDataset(create(name), { ...settings, deadlineMs: 150, requestId: `req-${name}` });
    await expect(call).rejects.toMatchObject({ code: 'COMMON.DEADLINE' });
    // The call of another test may be told late.
    const lines = (): string[] => logged.filter((line) => line.includes(`"req-${name}"`));
    await until(() => lines().length > 0, 'the log is told');
    expect(lines().map((line) => JSON.parse(line) as Record<string, unknown>)).toEqual([
      expect.objectContaining({ level: 'warn', msg: 'rpc ran out of time', rpc: expect.any(String), code: 'COMMON.DEADLINE' }),
    ]);
    expect(logged.join()).not.toContain('Bearer');
  });

  it('demands a deadline, and cancels with the signal', async () => {
    await expect(client.createDataset(create('x'), { ...settings, deadlineMs: 0 })).rejects.toThrow('deadlineMs');
    const abort = new AbortController();
    const call = client.createDataset(create('hang'), { ...settings, signal: abort.signal });
    await until(() => echo.seen.ctx !== undefined, 'the call arrives');
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    await until(() => echo.seen.ctx!.signal.aborted, 'the server is told');
  });

  it('streams down with back-pressure', async () => {
    let bytes = 0;
    for await (const message of client.exportDatasetVersion({ versionId: '200' }, settings)) bytes += message.chunk.length;
    expect(bytes).toBe(200 * 64 * 1024);
    echo.seen.produced = 0;
    const stream = client.exportDatasetVersion({ versionId: '2000' }, settings)[Symbol.asyncIterator]();
    await stream.next();
    // Nobody reads: flow control must stop the producer far before the end.
    let last = -1;
    let quietTurns = 0;
    while (quietTurns < 200) {
      quietTurns = echo.seen.produced === last ? quietTurns + 1 : 0;
      last = echo.seen.produced;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(echo.seen.produced).toBeLessThan(500);
    await stream.return!();
    await until(() => echo.seen.ended.length === 2, 'the producer ends when the reader stops');
  });

  it('ends a stream with the error of its producer, after what came before', async () => {
    let received = 0;
    const read = async (): Promise<void> => {
      for await (const _message of client.exportDatasetVersion({ versionId: '-3' }, settings)) received += 1;
    };
    await expect(read()).rejects.toMatchObject({ code: 'RPC_SPEC.SHELF_FULL', message: 'the disk is full' });
    expect(received).toBe(3);
  });

  it('streams up, and tells the sender of a refusal before it has sent all', async () => {
    await client.uploadDataset([header('x'), chunk(1000), chunk(2000)], settings);
    expect(echo.seen).toMatchObject({ received: 3000, ended: ['upload whole'] });
    let sent = 0;
    async function* endless(): AsyncGenerator<ingestion.UploadDatasetRequest> {
      yield header('refuse');
      while (sent < 100_000) {
        sent += 1;
        yield chunk(64 * 1024);
      }
    }
    await expect(client.uploadDataset(endless(), settings)).rejects.toMatchObject({ code: 'RPC_SPEC.SHELF_FULL' });
    expect(sent).toBeLessThan(5000);
  });

  it('never takes half an upload for a whole one', async () => {
    async function* broken(): AsyncGenerator<ingestion.UploadDatasetRequest> {
      yield header('x');
      yield chunk(1000);
      throw new Error('the file cannot be read');
    }
    await expect(client.uploadDataset(broken(), settings)).rejects.toThrow('the file cannot be read');
    await until(() => echo.seen.ended.length === 1, 'the handler ends');
    expect(echo.seen.ended).toEqual(['COMMON.CANCELLED']);
  });

  it('never takes half an upload for a whole one when every message before the break was read', async () => {
    for (let round = 1; round <= 20; round += 1) {
      echo.seen.received = 0;
      async function* broken(): AsyncGenerator<ingestion.UploadDatasetRequest> {
        yield header('x');
        yield chunk(1000);
        await until(() => echo.seen.received === 1000, 'the server has read all');
        throw new Error('the file cannot be read');
      }
      await expect(client.uploadDataset(broken(), settings)).rejects.toThrow('the file cannot be read');
      await until(() => echo.seen.ended.length === round, 'the handler ends');
      expect(echo.seen.ended.at(-1)).toBe('COMMON.CANCELLED');
    }
  });

  it('never takes a cancelled upload for a whole one, not even that of a plain grpc-js client', async () => {
    const token = await mintToken(key, { subject: 'ada', roles: { '*': 'admin' }, expiresInSeconds: 60 });
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const raw = new Client(address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = EchoService.uploadDataset;
    for (let round = 1; round <= 10; round += 1) {
      echo.seen.received = 0;
      const call = raw.makeClientStreamRequest(path, requestSerialize, responseDeserialize, metadata, () => undefined);
      call.write(header('x'));
      call.write(chunk(1000));
      await until(() => echo.seen.received === 1000, 'the server has read all');
      call.cancel();
      await until(() => echo.seen.ended.length === round, 'the handler ends');
    }
    raw.close();
    const abort = new AbortController();
    async function* waiting(): AsyncGenerator<ingestion.UploadDatasetRequest> {
      yield header('x');
      yield chunk(500);
      await new Promise(() => undefined);
    }
    echo.seen.received = 0;
    const call = client.uploadDataset(waiting(), { ...settings, signal: abort.signal });
    await until(() => echo.seen.received === 500, 'the server has read all');
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    await until(() => echo.seen.ended.length === 11, 'the handler ends');
    expect(new Set(echo.seen.ended)).toEqual(new Set(['COMMON.CANCELLED']));
  });

  it('never takes an upload for a whole one when its connection is cut', async () => {
    const sockets: Socket[] = [];
    const proxy = createServer((near) => {
      const far = connect(Number(address.split(':')[1]), '127.0.0.1');
      for (const socket of [near, far]) socket.on('error', () => socket.destroy());
      sockets.push(near, far);
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const token = await mintToken(key, { subject: 'ada', roles: { '*': 'admin' }, expiresInSeconds: 60 });
    const cut = createRpcClient(EchoService, {
      address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      service: 'spec',
      token: () => token,
    });
    async function* waiting(): AsyncGenerator<ingestion.UploadDatasetRequest> {
      yield header('x');
      yield chunk(700);
      await until(() => echo.seen.ended.length > 0, 'the handler ends');
    }
    const upload = cut.uploadDataset(waiting(), settings);
    await until(() => echo.seen.received === 700, 'the server has read all');
    for (const socket of sockets) socket.destroy();
    await expect(upload).rejects.toMatchObject({ code: 'COMMON.UNAVAILABLE' });
    await until(() => echo.seen.ended.length === 1, 'the handler ends');
    expect(echo.seen.ended).toEqual(['COMMON.CANCELLED']);
    cut.close();
    await new Promise((resolve) => proxy.close(resolve));
  });

  it('repeats idempotent calls only, and a bounded number of times', async () => {
    echo.failures = 2;
    await client.getDataset({ dataset: 'x' }, settings);
    expect(echo.seen.calls).toBe(3);
    echo.failures = 100;
    echo.seen.calls = 0;
    await expect(client.getDataset({ dataset: 'x' }, { ...settings, deadlineMs: 20_000 })).rejects.toMatchObject({
      code: 'COMMON.UNAVAILABLE',
    });
    expect(echo.seen.calls).toBeLessThanOrEqual(4);
    echo.failures = 0;
    expect(() => createRpcClient(EchoService, { address, service: 'x', idempotent: ['typo' as never] })).toThrow(
      'no method typo',
    );
  });

  it('refuses callers without token or role, bad workspaces and oversized messages', async () => {
    const nobody = createRpcClient(EchoService, { address, service: 'spec' });
    await expect(nobody.createDataset(create('x'), settings)).rejects.toMatchObject({ code: 'COMMON.UNAUTHENTICATED' });
    nobody.close();
    const token = await mintToken(key, { subject: 'eve', roles: { 'team-a': 'editor' }, expiresInSeconds: 60 });
    const eve = createRpcClient(EchoService, { address, service: 'spec', token: () => token });
    await expect(eve.createDataset(create('x'), settings)).resolves.toBeDefined();
    await expect(eve.createDataset(create('x'), { ...settings, workspace: 'team-b' })).rejects.toMatchObject({
      code: 'COMMON.FORBIDDEN',
    });
    await expect(eve.uploadDataset([header('x')], settings)).rejects.toThrow('needs role admin');
    eve.close();
    await expect(client.createDataset(create('x'), { ...settings, workspace: '../x' })).rejects.toMatchObject({
      code: 'COMMON.INVALID_ARGUMENT',
    });
    await expect(client.createDataset(create('x'.repeat(2_000_000)), settings)).rejects.toMatchObject({
      code: 'COMMON.RESOURCE_EXHAUSTED',
    });
  });
});
