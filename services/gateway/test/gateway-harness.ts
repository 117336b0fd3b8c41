// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { Events, gateway, monitoring, registry } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { ShutdownSequence } from '#libs/observability';
import { Database, UnitOfWork } from '#libs/persistence';
import { eventually, startTestService, type TestService } from '#libs/testing';
import { AppModule } from '../src/app.module';
import { GatewaySettings } from '../src/config';
import { migrations } from '../src/migrations';
import { FakeBackend } from './fake-backend';
import { FakeRegistry } from './fake-registry';

// JSON of any shape: specs look at it field by field, and a wrong look fails the spec.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

export interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

/** A gateway on real databases, with a fake backend and a fake registry beside it. */
export class GatewayHarness {
  private aliasSequence = 0;

  private constructor(
    readonly service: TestService,
    readonly backend: FakeBackend,
    readonly registry: FakeRegistry,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<GatewayHarness> {
    const backend = await FakeBackend.start();
    const fakeRegistry = await FakeRegistry.start();
    const service = await startTestService({
      service: 'gateway',
      settings: GatewaySettings,
      module: (settings) => AppModule.forRoot(settings),
      migrations,
      env: {
        RUNTIME_URL: backend.url,
        REGISTRY_GRPC: fakeRegistry.address,
        DEPLOYMENT_POLL_MS: '50',
        ROUTING_POLL_MS: '50',
        EVENT_FLUSH_MS: '20',
        DRAIN_SECONDS: '0',
        ...env,
      },
    });
    return new GatewayHarness(service, backend, fakeRegistry);
  }

  /** Ends requests that hang first, so that a failed spec does not make the stop wait for them. */
  async close(): Promise<void> {
    this.backend.dropConnections();
    await this.service.close();
    await this.backend.close();
    this.registry.close();
  }

  /** Stops the gateway as SIGTERM would, and leaves its database. `close` is still needed. */
  async stopService(): Promise<void> {
    await this.service.get(ShutdownSequence).run('spec');
  }

  get url(): string {
    return this.service.baseUrl;
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  }

  chat(endpoint: string, extra: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    const body = { model: endpoint, messages: [{ role: 'user', content: 'a hoofed mammal' }], ...extra };
    return this.call('POST', '/v1/chat/completions', body, headers);
  }

  /** An endpoint that serves version 1 of the model of the same name. */
  async endpoint(name: string, options: { body?: object; workspace?: string } = {}): Promise<void> {
    const workspace = options.workspace ?? 'default';
    const headers = { 'x-millrace-workspace': workspace };
    this.registry.versions.set(`${workspace}/${name}@champion`, { version: 1, manifestDigest: digest(1) });
    const created = await this.call(
      'POST',
      '/api/v1/endpoints',
      { name, modelUri: `models:/${name}@champion`, ...options.body },
      headers,
    );
    if (created.status !== 201) throw new Error(JSON.stringify(created.body));
    await this.until(name, (endpoint) => endpoint.state === 'serving', headers);
  }

  async get(name: string, headers: Record<string, string> = {}): Promise<Json> {
    return (await this.call('GET', `/api/v1/endpoints/${name}`, undefined, headers)).body;
  }

  /** Waits until the endpoint is so, and until requests are served so too. */
  async until(name: string, check: (endpoint: Json) => boolean, headers: Record<string, string> = {}): Promise<Json> {
    const endpoint = await eventually(async () => {
      const read = await this.get(name, headers);
      if (!check(read)) throw new Error(`endpoint is ${JSON.stringify(read)}`);
      return read;
    });
    await this.live();
    return endpoint;
  }

  /** Waits until this replica uses the newest configuration. */
  async live(): Promise<void> {
    const [state] = await this.sql<{ revision: string }>('select revision from routing_state');
    await eventually(async () => {
      const page = await (await fetch(`${this.url}/metrics`)).text();
      const used = /millrace_gateway_routing_revision (\d+)/.exec(page)?.[1];
      return Number(used) >= Number(state.revision);
    });
  }

  sql<Row>(text: string, params?: unknown[]): Promise<Row[]> {
    return this.service.get(Database).query<Row>(text, params);
  }

  /** What the registry says when an alias was moved. The gateway's own outbox carries it: the topic is what counts. */
  async aliasMoved(
    modelName: string,
    toVersion: number,
    change: Partial<registry.AliasMoved> = {},
    workspace = 'default',
  ): Promise<string> {
    this.aliasSequence += 1;
    const data = registry.AliasMoved.fromPartial({
      modelName,
      alias: 'champion',
      toVersion,
      toManifestDigest: digest(toVersion),
      actor: 'ada@example.org',
      reason: 'spec',
      ...change,
    });
    return this.publish(Events.AliasMoved, { workspace, aggregateId: modelName, aggregateVersion: this.aliasSequence, data });
  }

  verdict(
    rolloutId: string,
    decision: 'PROMOTE' | 'ROLLBACK' | 'HOLD',
    { workspace = 'default', step = 0 } = {},
  ): Promise<string> {
    const data = monitoring.VerdictReached.fromPartial({
      verdictId: randomUUID(),
      rolloutId,
      step,
      decision: `DECISION_${decision}` as monitoring.Decision,
      reason: `${decision} in a spec`,
    });
    return this.publish(Events.VerdictReached, { workspace, aggregateId: rolloutId, aggregateVersion: 1, data });
  }

  publish(
    ...[definition, event]: [Parameters<EventPublisher['publish']>[1], Parameters<EventPublisher['publish']>[2]]
  ): Promise<string> {
    return this.service.get(UnitOfWork).run((tx) => this.service.get(EventPublisher).publish(tx, definition, event));
  }

  /** Waits until a consumer has handled these events. */
  async handled(...eventIds: string[]): Promise<void> {
    await eventually(async () => {
      const rows = await this.sql('select 1 from inbox where right(event_key, 36) = any($1)', [eventIds]);
      if (rows.length < eventIds.length) throw new Error(`${rows.length} of ${eventIds.length} events were handled`);
      return true;
    });
  }

  /** Rollout events of an endpoint, oldest first, as [type, data]. */
  async rolloutEvents(endpoint: string): Promise<[string, Json][]> {
    const rows = await this.sql<{ type: string; payload: unknown }>(
      `select type, payload from outbox where topic = 'gateway.rollout.v1' order by position`,
    );
    return rows
      .map(({ type, payload }): [string, Json] => [
        type.split('.')[2],
        typeof payload === 'string' ? JSON.parse(payload) : payload,
      ])
      .filter(([, data]) => data.endpoint === endpoint);
  }

  /** The event of one inference, once it is written. */
  inference(id: string): Promise<gateway.InferenceCompleted> {
    return eventually(async () => {
      const [row] = await this.sql<{ payload: unknown }>(
        `select payload from outbox where topic = 'gateway.inference.v1' and aggregateid = $1`,
        [id],
      );
      if (!row) throw new Error(`no event of inference ${id}`);
      return gateway.InferenceCompleted.fromJSON(typeof row.payload === 'string' ? JSON.parse(row.payload) : row.payload);
    });
  }
}

export function digest(version: number): string {
  return String(version).repeat(64).slice(0, 64);
}
