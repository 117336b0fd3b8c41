// SPDX-License-Identifier: Apache-2.0
import { Client, credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as healthDefinition } from 'grpc-health-check';
import { AnyWorkspace, Authenticator, mintToken, parsePlatformKey } from '#libs/auth';
import { currentDeadline, remainingDeadlineMs } from '#libs/clock';
import type { ingestion } from '#libs/contracts';
import { CommonErrors, defineErrors, invalidFields } from '#libs/errors';
import { currentTrace, HealthRegistry, Metrics, runInSpan, silentLogger } from '#libs/observability';
import { createRpcClient, Requires, type RpcClient, type RpcContext, RpcController, RpcServer } from '../src';
import { EchoService } from './echo-service';

const SpecErrors = defineErrors('RPC_SPEC', { SHELF_FULL: { kind: 'exhausted', retry: 'later', help: 'No room.' } });
const SECRET = 'a secret that is long enough for HS256';

@RpcController(EchoService)
class EchoGrpc {
  seen: {
    ctx?: RpcContext;
    trace?: string;
    remainingMs?: number;
    produced: number;
    received: number;
    calls: number;
    ended: string[];
  } = {
    produced: 0,
    received: 0,
    calls: 0,
    ended: [],
  };
  failures = 0;

  async createDataset(request: ingestion.CreateDatasetRequest, ctx: RpcContext): Promise<ingestion.CreateDatasetResponse> {
    this.seen.ctx = ctx;
    this.seen.trace = currentTrace()?.traceId;
    this.seen.remainingMs = currentDeadline() && remainingDeadlineMs();
    if (request.name === 'hang') await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
    if (request.name === 'ignore') await new Promise(() => undefined);
    if (request.name === 'full') throw SpecErrors.SHELF_FULL('no room on shelf', { shelf: 3 }).withRetryAfter(1500);
    if (request.name === 'bad') throw invalidFields({ field: 'name', message: 'is bad' });
    if (request.name === 'bug') throw new TypeError('secret detail');
    return { dataset: undefined };
  }

  async *exportDatasetVersion(
    request: ingestion.ExportDatasetVersionRequest,
  ): AsyncGenerator<ingestion.ExportDatasetVersionResponse> {
    const count = Number(request.versionId);
    try {
      for (let index = 0; index < Math.abs(count); index += 1) {
        this.seen.produced += 1;
        yield { chunk: Buffer.alloc(64 * 1024, index) };
      }
      if (count < 0) throw SpecErrors.SHELF_FULL('the disk is full');
    } finally {
      this.seen.ended.push('export');
    }
  }

  @Requires('admin')
  async uploadDataset(requests: AsyncIterable<ingestion.UploadDatasetRequest>): Promise<ingestion.UploadDatasetResponse> {
    try {
      for await (const request of requests) {
        this.seen.received += request.chunk?.length ?? 0;
        if (request.header?.dataset === 'refuse') throw SpecErrors.SHELF_FULL('not now');
      }
      this.seen.ended.push('upload whole');
    } catch (error) {
      this.seen.ended.push((error as { code: string }).code);
      throw error;
    }
    return { version: undefined };
  }

  async getDataset(): Promise<ingestion.GetDatasetResponse> {
    this.seen.calls += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw CommonErrors.UNAVAILABLE('not yet');
    }
    return { dataset: undefined };
  }
}

const header = (dataset: string): ingestion.UploadDatasetRequest => ({
  header: {
    dataset,
    format: 'jsonl',
    kind: 'DATASET_VERSION_KIND_RAW',
    parentVersionIds: [],
    producedBy: '',
    tags: {},
    requestId: '',
    sha256: '',
    keepRowIds: false,
    columns: {},
  } as never,
  chunk: undefined,
});
const chunk = (bytes: number): ingestion.UploadDatasetRequest => ({ header: undefined, chunk: Buffer.alloc(bytes, 1) });
const create = (name: string) => ({ name, description: '', requestId: '' });

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('rpc', () => {
  const key = parsePlatformKey(SECRET);
  const metrics = new Metrics('spec');
  const health = new HealthRegistry();
  let echo: EchoGrpc;
  let server: RpcServer;
  let address: string;
  let client: RpcClient<typeof EchoService>;

  function makeServer(port = 0): RpcServer {
    return new RpcServer({
      host: '127.0.0.1',
      port,
      messageBytesMax: 1024 * 1024,
      controllers: [echo],
      authenticator: new Authenticator({ auth: 'on', authSigningKey: SECRET }),
      workspaces: new AnyWorkspace(),
      health,
      metrics,
      logger: silentLogger(),
    });
  }

  beforeAll(async () => {
    echo = new EchoGrpc();
    server = makeServer();
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
    const start = performance.now();
    await expect(client.createDataset(create(name), { ...settings, deadlineMs: 150 })).rejects.toMatchObject({
      code: 'COMMON.DEADLINE',
    });
    expect(performance.now() - start).toBeLessThan(2000);
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

  it('answers health and reflection like any gRPC server', async () => {
    const check = healthDefinition.Check as never as {
      path: string;
      requestSerialize: (v: object) => Buffer;
      responseDeserialize: (b: Buffer) => { status: string };
    };
    const raw = new Client(address, credentials.createInsecure());
    const ask = (name: string): Promise<{ status: string }> =>
      new Promise((resolve, reject) =>
        raw.makeUnaryRequest(check.path, check.requestSerialize, check.responseDeserialize, { service: name }, (error, value) =>
          error ? reject(error) : resolve(value!),
        ),
      );
    expect((await ask('')).status).toBe('NOT_SERVING');
    health.markStarted();
    expect((await ask('')).status).toBe('SERVING');
    expect((await ask('millrace.ingestion.v1.DatasetService')).status).toBe('SERVING');
    await expect(ask('nobody')).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect(await listServices(raw)).toEqual(expect.arrayContaining(['millrace.ingestion.v1.DatasetService']));
    raw.close();
  });

  it('says in plain trailers what went wrong, for people with grpcurl', async () => {
    const raw = new Client(address, credentials.createInsecure());
    const method = EchoService.getDataset;
    const error = await new Promise<{ code: number; metadata: Metadata }>((resolve) =>
      raw.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, { dataset: 'x' }, (failed) =>
        resolve(failed!),
      ),
    );
    expect(error.code).toBe(status.UNAUTHENTICATED);
    expect(error.metadata.get('millrace-error-code')).toEqual(['COMMON.UNAUTHENTICATED']);
    raw.close();
  });

  it('names a taken port', async () => {
    const second = makeServer(Number(address.split(':')[1]));
    await expect(second.listen()).rejects.toThrow(`gRPC cannot listen on ${address}: the port is taken`);
    await second.drain(100);
  });

  it('refuses a controller that lacks a method, by name', () => {
    @RpcController(EchoService)
    class Half {
      async createDataset(): Promise<unknown> {
        return {};
      }
    }
    echo = new Half() as never;
    expect(() => makeServer()).toThrow('Half lacks handlers for exportDatasetVersion, uploadDataset, getDataset');
  });

  it('drains: finishes what runs, cuts what would run for ever', async () => {
    echo = new EchoGrpc();
    const own = makeServer();
    const ownAddress = await own.listen();
    const ownClient = createRpcClient(EchoService, {
      address: ownAddress,
      service: 'spec',
      token: () => mintToken(key, { subject: 'a', roles: { '*': 'admin' }, expiresInSeconds: 60 }),
    });
    const hanging = ownClient.createDataset(create('ignore'), settings).catch((error: unknown) => error);
    await until(() => echo.seen.ctx !== undefined, 'the call arrives');
    const start = performance.now();
    await own.drain(200);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(await hanging).toMatchObject({ name: 'AppError' });
    await expect(ownClient.createDataset(create('x'), { ...settings, deadlineMs: 1000 })).rejects.toMatchObject({
      retry: 'later',
    });
    ownClient.close();
  });
});

// grpcurl's `list`, by hand.
async function listServices(raw: Client): Promise<string[]> {
  const file = require.resolve('@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto');
  const loaded = loadPackageDefinition(loadSync(file)) as unknown as {
    grpc: {
      reflection: {
        v1: {
          ServerReflection: {
            service: Record<
              string,
              { path: string; requestSerialize: (v: object) => Buffer; responseDeserialize: (b: Buffer) => never }
            >;
          };
        };
      };
    };
  };
  const method = Object.values(loaded.grpc.reflection.v1.ServerReflection.service)[0]!;
  const call = raw.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
  call.write({ listServices: '' });
  for await (const answer of call as unknown as AsyncIterable<{ listServicesResponse: { service: { name: string }[] } }>) {
    call.end();
    return answer.listServicesResponse.service.map((entry) => entry.name);
  }
  return [];
}
