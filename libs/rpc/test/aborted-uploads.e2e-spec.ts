// SPDX-License-Identifier: Apache-2.0
import { mintToken, parsePlatformKey } from '#libs/auth';
import type { ingestion } from '#libs/contracts';
import { HealthRegistry, Metrics } from '#libs/observability';
import { createRpcClient, type RpcClient, type RpcServer } from '../src';
import { chunk, EchoGrpc, header, makeServer, SECRET, until } from './echo-grpc';
import { EchoService } from './echo-service';

describe('an upload that is aborted', () => {
  const metrics = new Metrics('spec');
  let echo: EchoGrpc;
  let server: RpcServer;
  let client: RpcClient<typeof EchoService>;

  beforeAll(async () => {
    echo = new EchoGrpc();
    server = makeServer(echo, { health: new HealthRegistry(), metrics });
    const key = parsePlatformKey(SECRET);
    client = createRpcClient(EchoService, {
      address: await server.listen(),
      service: 'spec',
      token: () => mintToken(key, { subject: 'ada', roles: { '*': 'admin' }, expiresInSeconds: 60 }),
    });
  });
  afterAll(async () => {
    client.close();
    await server.drain(1000);
    metrics.close();
  });

  it('ends at once while its answer does not come, and while nobody reads it', async () => {
    const unhurried = { deadlineMs: 600_000, workspace: 'team-a' };
    const abort = new AbortController();
    echo.isUploadUnanswered = true;
    const sent = client.uploadDataset([header('x'), chunk(500)], { ...unhurried, signal: abort.signal });
    await until(() => echo.seen.ended.length === 1, 'the server has read all');
    echo.isUploadUnanswered = false;
    abort.abort();
    await expect(sent).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    const second = new AbortController();
    let given = 0;
    let isClosed = false;
    function* endless(): Generator<ingestion.UploadDatasetRequest> {
      yield header('unread');
      try {
        for (; ; given += 1) yield chunk(64 * 1024);
      } finally {
        isClosed = true;
      }
    }
    const unread = client.uploadDataset(endless(), { ...unhurried, signal: second.signal });
    await until(() => given > 2, 'the transport is full');
    second.abort();
    await expect(unread).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    await until(() => isClosed, 'the source is closed');
  });
});
