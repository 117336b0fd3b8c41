// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Controller, type DynamicModule, Get, Module } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { newId } from '#libs/clock';
import { loadSettings, ServiceSettings } from '#libs/config';
import { Ctx, type RequestContext } from '#libs/http';
import { EventPublisher, messagingMigrations } from '#libs/messaging';
import { persistenceMigrations, runMigrations, UnitOfWork } from '#libs/persistence';
import {
  createTestDatabase,
  dropTestDatabase,
  eventually,
  startTestService,
  testDatabaseUrl,
  type TestService,
} from '#libs/testing';
import { ServiceModule, startService } from '../src';

class SpecSettings extends ServiceSettings {
  static readonly service = 'spec-host';
}

let release: (() => void) | undefined;

@Controller('api/v1/things')
class ThingsHttp {
  @Get()
  list(@Ctx() ctx: RequestContext): unknown {
    return { workspace: ctx.workspace };
  }

  @Get('slow')
  async slow(): Promise<unknown> {
    await new Promise<void>((resolve) => (release = resolve));
    return { finished: true };
  }
}

@Module({ controllers: [ThingsHttp] })
class ThingsModule {}

@Module({})
class AppModule {
  static forRoot(settings: SpecSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [ServiceModule.forRoot({ service: 'spec-host', settings, migrations: [] }), ThingsModule],
    };
  }
}

const options = { service: 'spec-host', settings: SpecSettings, module: AppModule.forRoot.bind(AppModule), migrations: [] };
const get = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { headers: { connection: 'close', ...headers } });

describe('a hosted service', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ ...options, env: { MILLRACE_WORKSPACES: 'explicit' } });
  }, 60_000);
  afterAll(() => service.close());

  it('is ready when database, schema, messaging and storage are', async () => {
    const body = (await (await get(`${service.baseUrl}/health/ready`)).json()) as { checks: Record<string, string> };
    expect(body.checks).toEqual({ storage: 'ok', database: 'ok', schema: 'ok', messaging: 'ok' });
    expect((await get(`${service.baseUrl}/health/live`)).status).toBe(200);
    const page = await (await get(`${service.baseUrl}/metrics`)).text();
    expect(page).toContain('millrace_spec_host_pool_connections{state="waiting"} 0');
    expect(page).toContain('millrace_spec_host_event_loop_delay_seconds');
  });

  it('learns of explicit workspaces by event, and knows no other', async () => {
    const things = `${service.baseUrl}/api/v1/things`;
    expect((await get(things, { 'x-millrace-workspace': 'team-a' })).status).toBe(404);
    const publisher = service.get(EventPublisher);
    const publish = (aggregateVersion: number): Promise<unknown> =>
      service.get(UnitOfWork).run((tx) =>
        publisher.publish(tx, Events.WorkspaceCreated, {
          workspace: 'team-a',
          aggregateId: 'team-a',
          aggregateVersion,
          data: { name: 'team-a', createdBy: 'spec' },
        }),
      );
    await publish(1);
    await eventually(async () => (await get(things, { 'x-millrace-workspace': 'team-a' })).status === 200);
    // Their topic is kept longer than inbox rows are: a replay brings names that are there already, and changes nothing.
    await publish(2);
    const done = 'millrace_spec_host_consumer_events_total{consumer="spec-host.workspaces",outcome="done"} 2';
    await eventually(async () => (await (await get(`${service.baseUrl}/metrics`)).text()).includes(done));
  });
});

describe('starting', () => {
  it('refuses an open port without identity', async () => {
    const settings = loadSettings(SpecSettings, {
      DATABASE_URL: 'postgresql://x@127.0.0.1:9/x',
      HTTP_HOST: '0.0.0.0',
      HTTP_PORT: '0',
      GRPC_PORT: '0',
    });
    await expect(startService({ ...options, settings })).rejects.toThrow(
      'MILLRACE_AUTH=off is refused while a port binds to 0.0.0.0',
    );
  });

  it('names a taken port and leaves nothing open', async () => {
    const taken: Server = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const settings = loadSettings(SpecSettings, {
      DATABASE_URL: testDatabaseUrl('nobody_made_this'),
      HTTP_PORT: String(port),
      GRPC_PORT: '0',
      LOG_LEVEL: 'silent',
      SHUTDOWN_READINESS_SECONDS: '0',
    });
    await expect(startService({ ...options, settings })).rejects.toThrow(
      `HTTP cannot listen on 127.0.0.1:${port}: the port is taken`,
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  it('lives without a database, says what is missing, and is ready once it is there', async () => {
    const databaseUrl = testDatabaseUrl(`late_${newId().slice(-12)}`);
    const settings = loadSettings(SpecSettings, {
      DATABASE_URL: databaseUrl,
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      LOG_LEVEL: 'silent',
      RUN_CONSUMERS: 'false',
      SHUTDOWN_READINESS_SECONDS: '0',
    });
    const running = await startService({ ...options, settings });
    const ready = await get(`${running.baseUrl}/health/ready`);
    expect(ready.status).toBe(503);
    const { checks } = (await ready.json()) as { checks: Record<string, string> };
    expect(checks.database).not.toBe('ok');
    expect((await get(`${running.baseUrl}/health/live`)).status).toBe(200);
    expect((await get(`${running.baseUrl}/health/serving`)).status).toBe(503);
    await runMigrations({ databaseUrl, service: 'spec-host', migrations: [...persistenceMigrations, ...messagingMigrations] });
    await eventually(async () => (await get(`${running.baseUrl}/health/ready`)).status === 200);
    expect((await get(`${running.baseUrl}/health/serving`)).status).toBe(200);
    expect(await running.close()).toBe(true);
    await dropTestDatabase(databaseUrl);
  }, 30_000);
});

describe('stopping', () => {
  it('finishes the request in flight, refuses new ones, then closes the pools', async () => {
    const databaseUrl = await createTestDatabase('spec-host', []);
    const settings = loadSettings(SpecSettings, {
      DATABASE_URL: databaseUrl,
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      LOG_LEVEL: 'silent',
      RUN_CONSUMERS: 'false',
      SHUTDOWN_READINESS_SECONDS: '0',
    });
    const running = await startService({ ...options, settings });
    const slow = fetch(`${running.baseUrl}/api/v1/things/slow`);
    await eventually(() => Promise.resolve(release !== undefined));
    const stopped = running.close();
    await eventually(
      async () =>
        !(await get(`${running.baseUrl}/api/v1/things`).then(
          () => true,
          () => false,
        )),
    );
    release!();
    const answer = await slow;
    expect(await answer.json()).toEqual({ finished: true });
    expect(await stopped).toBe(true);
    await dropTestDatabase(databaseUrl);
  }, 30_000);
});
