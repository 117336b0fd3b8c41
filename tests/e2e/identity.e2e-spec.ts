// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import OpenAI from 'openai';
import { Agent, fetch, type RequestInit, type Response } from 'undici';
import { eventually } from '#libs/testing';
import { httpPort, processNames, type ProcessName } from '../../deploy/local/processes';
import { writingHttpDoors, writingRpcs } from '../hostile/isolation/writing-doors';
import { GrpcCaller } from '../support/grpc-caller';
import { allGrpcDoors, shortName, type GrpcDoor } from '../support/grpc-doors';
import { allHttpDoors, type HttpDoor } from '../support/http-doors';
import { BuiltProgram, LaunchedPlatform } from '../support/launched-platform';

const routes = allHttpDoors();
const guarded = routes.filter(({ open }) => !open);
const writing = guarded.filter(({ name }) => writingHttpDoors.includes(name));
const reading = guarded.filter((door) => !writing.includes(door));
/** Reading doors that show what a viewer must not see. */
const ADMIN_ONLY = ['gateway GET /api/v1/api-keys', 'ApiKeyService/ListApiKeys'];

function api(path: string): string {
  return `/api/v1/${path}`;
}

describe('the platform with MILLRACE_AUTH=on', () => {
  const agent = new Agent();
  let platform: LaunchedPlatform;
  let viewer: string;
  let admin: string;
  let stranger: string;

  beforeAll(async () => {
    platform = await LaunchedPlatform.start([], { MILLRACE_AUTH: 'on' });
    [viewer, admin, stranger] = await Promise.all([
      tokenBy('--role', 'viewer'),
      tokenBy('--role', 'admin'),
      tokenBy('--role', 'admin', '--workspace', 'elsewhere'),
    ]);
  }, 120_000);

  afterAll(async () => {
    // Kept-alive connections would outlive the platform.
    await agent.destroy();
    await platform?.stop();
  }, 40_000);

  /** A token as people make it: with the program behind `npm run token`. */
  async function tokenBy(...args: string[]): Promise<string> {
    const all = ['--subject', 'ana@example.org', '--home', platform.home, ...args];
    const program = new BuiltProgram('deploy/scripts/token.js', all);
    expect({ code: await program.ended, output: program.output }).toMatchObject({ code: 0 });
    return program.output.trim();
  }

  function http(name: ProcessName, path: string, token?: string, init: RequestInit = {}): Promise<Response> {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(init.headers as Record<string, string> | undefined),
    };
    return fetch(`http://127.0.0.1:${httpPort(platform.portBase, name)}${path}`, { ...init, headers, dispatcher: agent });
  }

  /** The doors that do not answer like that, with what they answered; ids are `x`, bodies are empty objects. */
  async function otherThan(wanted: number, doors: readonly HttpDoor[], token?: string): Promise<string[]> {
    const answers = await statusesOf(doors, token);
    return answers.filter(([, code]) => code !== wanted).map(([door, code]) => `${door}: ${code}`);
  }

  function statusesOf(doors: readonly HttpDoor[], token?: string): Promise<(readonly [name: string, code: number])[]> {
    return Promise.all(
      doors.map(async ({ process, method, route, name }) => {
        const json = { body: '{}', headers: { 'content-type': 'application/json' } };
        const init = method === 'GET' || method === 'DELETE' ? { method } : { method, ...json };
        const answer = await http(process, route.replace(/:\w+/g, 'x'), token, init);
        await answer.arrayBuffer();
        return [name, answer.status] as const;
      }),
    );
  }

  it('refuses callers without a token, and with a wrong one, at every HTTP door', async () => {
    expect(guarded.length).toBeGreaterThan(200);
    expect(await otherThan(401, guarded)).toEqual([]);
    const [header, payload] = admin.split('.');
    expect(await otherThan(401, guarded, `${header}.${payload}.${'A'.repeat(43)}`)).toEqual([]);
  }, 60_000);

  it('refuses people of another workspace at every HTTP door', async () => {
    expect(await otherThan(403, guarded, stranger)).toEqual([]);
  }, 60_000);

  it('lets an admin of the workspace in at every HTTP door that reads', async () => {
    const found = await statusesOf(reading, admin);
    expect(found.filter(([, code]) => code === 401 || code === 403 || code >= 500)).toEqual([]);
    // Lists that ask for nothing more.
    const lists = found.filter(([name]) => / GET /.test(name) && !/:|mlflow/.test(name));
    expect(lists.length).toBeGreaterThan(30);
    expect(lists.filter(([, code]) => code !== 200)).toEqual([]);
  }, 60_000);

  it('lets viewers read but not write', async () => {
    expect(writing.length).toBeGreaterThan(90);
    expect(await otherThan(403, writing, viewer)).toEqual([]);
    const refused = (await statusesOf(reading, viewer)).filter(([, code]) => code === 401 || code === 403);
    expect(refused.map(([name]) => name)).toEqual(ADMIN_ONLY.slice(0, 1));
  }, 60_000);

  it('leaves health, metrics and version open: probes and scrapers carry no token', async () => {
    for (const name of processNames) {
      for (const path of ['/health/live', '/health/ready', '/health/serving', '/metrics', '/version']) {
        expect([name, path, (await http(name, path)).status]).toEqual([name, path, 200]);
      }
    }
  });

  /** Status of a call with an empty request to each method. */
  async function codesOf(doors: readonly GrpcDoor[], token?: string): Promise<(readonly [name: string, code: status])[]> {
    const caller = new GrpcCaller((name) => platform.grpc(name));
    try {
      return await Promise.all(
        doors.map(async (door) => {
          const { path, requestStream, responseStream, service } = door;
          const call = { path, requestStream, responseStream, request: Buffer.alloc(0), deadlineMs: 10_000 };
          const { code } = await caller.call(service, { ...call, ...(token === undefined ? {} : { token }) });
          return [shortName(door), code] as const;
        }),
      );
    } finally {
      caller.close();
    }
  }

  it('refuses the same callers at every gRPC method, streams too', async () => {
    const doors = allGrpcDoors();
    expect(doors.length).toBeGreaterThan(85);
    expect((await codesOf(doors)).filter(([, code]) => code !== status.UNAUTHENTICATED)).toEqual([]);
    expect((await codesOf(doors, stranger)).filter(([, code]) => code !== status.PERMISSION_DENIED)).toEqual([]);
  }, 60_000);

  it('refuses writes of viewers over gRPC', async () => {
    const codes = await codesOf(allGrpcDoors(), viewer);
    const denied = codes.filter(([, code]) => code === status.PERMISSION_DENIED).map(([name]) => name);
    expect(denied.sort()).toEqual([...writingRpcs, ...ADMIN_ONLY.slice(1)].sort());
  }, 60_000);

  it('profiles an upload: services show each other their own tokens', async () => {
    const upload = await http('ingestion', `${api('datasets/kept/versions')}?format=jsonl&columns=text:string`, admin, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{"text":"a furry animal"}\n{"text":"a sweet fruit"}\n',
    });
    expect(upload.status).toBe(201);
    const { id } = (await upload.json()) as { id: string };
    const report = await eventually(
      async () => {
        const answer = await http('data-prep', api('profiles'), viewer);
        const { items } = (await answer.json()) as { items: { datasetVersionId: string; state: string; reportPath: string }[] };
        return items.find((one) => one.datasetVersionId === id && /succeeded/i.test(one.state)) ?? false;
      },
      { timeoutMs: 30_000 },
    );
    expect((await http('data-prep', report.reportPath, viewer)).status).toBe(200);
  }, 60_000);

  it('serves the OpenAI routes to API keys, of this platform only', async () => {
    const created = await http('gateway', api('api-keys'), admin, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"shop"}',
    });
    const { id, secret } = (await created.json()) as { id: string; secret: string };
    expect(secret).toMatch(/^sk-mr-/);
    const baseURL = `http://127.0.0.1:${httpPort(platform.portBase, 'gateway')}/v1`;
    const ask = (apiKey: string) =>
      new OpenAI({ baseURL, apiKey, maxRetries: 0, defaultHeaders: { connection: 'close' } }).models.list();
    const wrong = (error: unknown) => error instanceof OpenAI.AuthenticationError && error.code === 'invalid_api_key';
    await eventually(async () => (await ask(secret)).object === 'list');
    for (const key of [`${secret}x`, 'sk-other', 'unused']) {
      expect(wrong(await ask(key).catch((error: unknown) => error))).toBe(true);
    }
    expect((await http('gateway', api(`api-keys/${id}`), admin, { method: 'DELETE' })).status).toBe(200);
    await eventually(async () => wrong(await ask(secret).catch((error: unknown) => error)));
  }, 60_000);

  it('resolves an endpoint through the registry with a token of the gateway', async () => {
    const created = await http('gateway', api('endpoints'), admin, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'shop', modelUri: 'models:/nothing@champion' }),
    });
    expect(created.status).toBe(201);
    // A refused question would read "the registry did not answer".
    await eventually(async () => {
      const { problem } = (await (await http('gateway', api('endpoints/shop'), viewer)).json()) as { problem: string };
      expect(problem).toBe('models:/nothing@champion does not exist yet');
    });
  });
});
