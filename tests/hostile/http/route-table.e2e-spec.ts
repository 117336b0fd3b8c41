// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenApiDocument, routeTableOf } from '#libs/http';
import { type RunningService, startService } from '#libs/service-host';
import { serviceModule, serviceNames } from '../../../deploy/scripts/service-documents';

/** What listens is what /openapi.json says: a route that somebody registers beside the decorators is no secret door. */
describe('the routes of Fastify', () => {
  let folder: string;
  let running: RunningService | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-routes-'));
  });
  afterEach(async () => {
    await running?.close();
    running = undefined;
  });
  // What a service began before it was told to stop may still write its first blob.
  afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }));

  // Doors open without a database: nothing is asked for one here.
  function start(service: string): Promise<RunningService> {
    const { module, settings } = serviceModule(service, {
      DATABASE_URL: 'postgres://127.0.0.1:1/none',
      EVENT_LOG_URL: 'postgres://127.0.0.1:1/none',
      STORAGE_URL: `file://${join(folder, service, 'blobs')}`,
      WORK_DIR: join(folder, service),
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      LOG_LEVEL: 'silent',
      RUN_CONSUMERS: 'false',
      SHUTDOWN_READINESS_SECONDS: '0',
      AUTH_SIGNING_KEY: 'a-key-for-specs-only-with-32-bytes-or-more',
    });
    return startService({ service, settings, module: () => module });
  }
  const anonymous = (path: string): string => path.replace(/:\w+|\{\w+\}|\*/g, '{}');

  function listening({ app }: RunningService): string[] {
    const table = routeTableOf(app.getHttpAdapter().getInstance());
    return table.filter(({ method }) => method !== 'HEAD').map(({ method, url }) => `${method} ${anonymous(url)}`);
  }

  async function documented({ baseUrl }: RunningService): Promise<string[]> {
    const answer = await fetch(`${baseUrl}/openapi.json`, { headers: { connection: 'close' } });
    const { paths } = (await answer.json()) as OpenApiDocument;
    return Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${anonymous(path)}`),
    );
  }

  it.each(serviceNames())(
    'are those of the document of %s, and no others',
    async (service) => {
      running = await start(service);
      const routes = listening(running);
      expect(routes.length).toBeGreaterThan(8);
      expect(routes.sort()).toEqual((await documented(running)).sort());
    },
    60_000,
  );
});
