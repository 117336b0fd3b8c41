// SPDX-License-Identifier: Apache-2.0
import { Client, credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as healthDefinition } from 'grpc-health-check';
import { mintToken, parsePlatformKey } from '#libs/auth';
import { HealthRegistry, Metrics } from '#libs/observability';
import { createRpcClient, RpcController, STREAM_MS_MAX, type RpcServer } from '../src';
import { create, EchoGrpc, makeServer, SECRET, until } from './echo-grpc';
import { EchoService } from './echo-service';

describe('an rpc server', () => {
  const key = parsePlatformKey(SECRET);
  const metrics = new Metrics('spec');
  const health = new HealthRegistry();
  const settings = { deadlineMs: 5000, workspace: 'team-a' };
  let echo = new EchoGrpc();
  let server: RpcServer;
  let address: string;

  beforeAll(async () => {
    server = makeServer(echo, { health, metrics });
    address = await server.listen();
  });
  afterAll(async () => {
    await server.drain(1000);
    metrics.close();
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
    expect((await listServices(raw)).sort()).toEqual(['grpc.health.v1.Health', 'millrace.ingestion.v1.DatasetService']);
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
    const second = makeServer(echo, { health, metrics, port: Number(address.split(':')[1]) });
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
    expect(() => makeServer(new Half(), { health, metrics })).toThrow(
      'Half lacks handlers for exportDatasetVersion, uploadDataset, getDataset',
    );
  });

  it('lets a stream end on a connection that is too old for new calls', async () => {
    const own = makeServer(new EchoGrpc(), { health, metrics, connectionAgeMs: 100 });
    const ownClient = createRpcClient(EchoService, {
      address: await own.listen(),
      service: 'spec',
      token: () => mintToken(key, { subject: 'a', roles: { '*': 'admin' }, expiresInSeconds: 60 }),
    });
    let chunks = 0;
    // 16 MiB: more than the windows of HTTP/2 hold, so that the stream is under way while its reader waits.
    for await (const _chunk of ownClient.exportDatasetVersion({ versionId: '256' }, { ...settings, deadlineMs: 10_000 })) {
      chunks += 1;
      if (chunks === 5) await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    expect(chunks).toBe(256);
    // Half an hour is too long for a spec: that the stream may take so long is read where grpc-js keeps it.
    expect(own['server']['options']['grpc.max_connection_age_grace_ms']).toBeGreaterThanOrEqual(STREAM_MS_MAX);
    ownClient.close();
    await own.drain(1_000);
  });

  it('drains: finishes what runs, cuts what would run for ever', async () => {
    echo = new EchoGrpc();
    const own = makeServer(echo, { health, metrics });
    const ownAddress = await own.listen();
    const ownClient = createRpcClient(EchoService, {
      address: ownAddress,
      service: 'spec',
      token: () => mintToken(key, { subject: 'a', roles: { '*': 'admin' }, expiresInSeconds: 60 }),
    });
    const hanging = ownClient.createDataset(create('ignore'), settings).catch((error: unknown) => error);
    await until(() => echo.seen.ctx !== undefined, 'the call arrives');
    await own.drain(200); // the handler never ends
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
  const method = Object.values(loaded.grpc.reflection.v1.ServerReflection.service)[0];
  const call = raw.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
  call.write({ listServices: '' });
  for await (const answer of call as unknown as AsyncIterable<{ listServicesResponse: { service: { name: string }[] } }>) {
    call.end();
    return answer.listServicesResponse.service.map((entry) => entry.name);
  }
  return [];
}
