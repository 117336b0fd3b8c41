// SPDX-License-Identifier: Apache-2.0
import { fromJson, toBinary, toJson, fromBinary, type JsonValue } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { openPersistence } from '#libs/persistence';
import { serviceNames, type ProcessName } from '../../deploy/local/processes';
import { grpcCases } from '../hostile/isolation/grpc-cases';
import { fill, fillAll, harvest, leaksIn, type Harvest } from '../hostile/isolation/harvest';
import { httpCases } from '../hostile/isolation/http-cases';
import { GrpcCaller } from '../support/grpc-caller';
import { allGrpcDoors, type GrpcDoor } from '../support/grpc-doors';
import { WalkedLoop } from '../support/walked-loop';

interface Answer {
  status: number;
  body: string;
}

/** Secrets that nobody may find again: presented as credentials, or made by the platform. */
const CANARIES = [
  'canary-bearer-5f1c9e',
  'canary-basic-77d0aa',
  'sk-mr-canary-3b9e41',
  'canary-grpc-c4d2f0',
  'canary-cookie-9a8b7c',
];

describe('the loop on the embedded broker, with identity on', () => {
  let loop: WalkedLoop;
  let owner: string;
  let stranger: string;
  let found: Harvest;
  let caller: GrpcCaller;
  let apiKeySecret: string;
  /** All that callers were answered here: secrets must not be in it either. */
  const answers: string[] = [];

  beforeAll(async () => {
    loop = await WalkedLoop.walk();
    [owner, stranger] = await Promise.all([loop.token('default'), loop.token('elsewhere')]);
    caller = new GrpcCaller((service) => loop.grpc(service));
    found = await harvest(async (service, path, body) => {
      const answer = await ask(service as ProcessName, path, { token: owner, body });
      if (answer.status !== 200) throw new Error(`${service} ${path} answered ${answer.status}: ${answer.body}`);
      return JSON.parse(answer.body) as unknown;
    });
  }, 700_000);
  afterAll(async () => {
    caller?.close();
    await loop?.end();
  }, 60_000);

  async function ask(
    name: ProcessName,
    path: string,
    {
      token,
      workspace = 'default',
      body,
      headers = {},
    }: { token?: string; workspace?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer> {
    const answer = await fetch(`${loop.http(name)}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        connection: 'close',
        'x-millrace-workspace': workspace,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    answers.push(text);
    return { status: answer.status, body: text };
  }

  it('closes: rows, model, traffic, feedback, better model, canaries; every fact observed', () => {
    for (const line of ['the test promoted version 2', 'the test rolled back version 3', 'the audit chain', 'facts observed in'])
      expect(loop.demo.output).toContain(line);
  });

  it('shows nothing of a workspace to another one, at every reading HTTP route', async () => {
    const wrong: string[] = [];
    for (const [door, { path, body, ownerSeesNoMark }] of Object.entries(httpCases)) {
      const name = door.split(' ')[0] as ProcessName;
      const route = fill(path, found);
      const sent = body === undefined ? undefined : fillAll(body, found);
      const own = await ask(name, route, { token: owner, body: sent });
      // Without the owner's own success the stranger's emptiness would say nothing.
      if (own.status >= 300 && !(ownerSeesNoMark && own.status < 500))
        wrong.push(`${door}: the owner got ${own.status} ${own.body}`);
      else if (!ownerSeesNoMark && !Object.values(found).some((mark) => own.body.includes(mark)))
        wrong.push(`${door}: no mark in the owner's answer ${own.body.slice(0, 300)}`);
      const foreign = await ask(name, route, { token: stranger, workspace: 'elsewhere', body: sent });
      const leaks = leaksIn(foreign.body, `${route} ${JSON.stringify(sent ?? '')}`, found);
      if (leaks.length > 0 || foreign.status >= 500)
        wrong.push(`${door}: a stranger got ${foreign.status} with ${leaks.join(', ')}: ${foreign.body.slice(0, 300)}`);
      if (ownerSeesNoMark && own.status < 300 && own.body.length > 120 && foreign.body === own.body)
        wrong.push(`${door}: a stranger got the owner's answer`);
      const across = await ask(name, route, { token: stranger, workspace: 'default', body: sent });
      if (across.status !== 403) wrong.push(`${door}: a stranger's token in the owner's workspace got ${across.status}`);
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  it('shows nothing of a workspace to another one, at every reading RPC, streams too', async () => {
    const wrong: string[] = [];
    const doors = new Map(allGrpcDoors().map((door) => [door.path.replace(/^\/millrace\.\w+\.v1\./, ''), door]));
    for (const [name, { request, ownerSeesNoMark }] of Object.entries(grpcCases)) {
      const door = doors.get(name) as GrpcDoor;
      const json = fillAll(request, found) as JsonValue;
      const bytes = Buffer.from(toBinary(door.input, fromJson(door.input, json)));
      const call = async (token: string, workspace: string): Promise<{ code: status; text: string }> => {
        const { path, requestStream, responseStream, service } = door;
        const answer = await caller.call(service, {
          path,
          requestStream,
          responseStream,
          request: bytes,
          token,
          workspace,
          messagesMax: 3,
        });
        const text = [
          ...answer.messages.map((message) => JSON.stringify(toJson(door.output, fromBinary(door.output, message)))),
          answer.details,
          answer.trailers,
        ].join('\n');
        answers.push(text);
        return { code: answer.code, text };
      };
      const own = await call(owner, 'default');
      if (own.code !== status.OK && !ownerSeesNoMark) wrong.push(`${name}: the owner got ${status[own.code]} ${own.text}`);
      else if (!ownerSeesNoMark && !Object.values(found).some((mark) => own.text.includes(mark)))
        wrong.push(`${name}: no mark in the owner's answer ${own.text.slice(0, 300)}`);
      const foreign = await call(stranger, 'elsewhere');
      const leaks = leaksIn(foreign.text, JSON.stringify(json), found);
      if (leaks.length > 0 || foreign.code === status.INTERNAL)
        wrong.push(`${name}: a stranger got ${status[foreign.code]} with ${leaks.join(', ')}: ${foreign.text.slice(0, 300)}`);
      if (ownerSeesNoMark && own.code === status.OK && own.text.length > 120 && own.text === foreign.text)
        wrong.push(`${name}: a stranger got the owner's answer`);
      const across = await call(stranger, 'default');
      if (across.code !== status.PERMISSION_DENIED)
        wrong.push(`${name}: a stranger's token in the owner's workspace got ${status[across.code]}`);
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  it('takes credentials, right and wrong ones, at every service', async () => {
    const created = await fetch(`${loop.http('gateway')}/api/v1/api-keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close', authorization: `Bearer ${owner}` },
      body: '{"name":"canary"}',
    });
    apiKeySecret = ((await created.json()) as { secret: string }).secret;
    await ask('gateway', '/v1/models', { token: apiKeySecret });
    for (const name of [...serviceNames, 'runtime'] as const) {
      for (const path of ['/api/v1/models', '/v1/models', '/api/v1/jobs?pageToken=x', '/api/2.0/mlflow/runs/get?run_id=x']) {
        await ask(name, path, { token: CANARIES[0] });
        await ask(name, path, { headers: { authorization: `Basic ${Buffer.from(`me:${CANARIES[1]}`).toString('base64')}` } });
        await ask(name, path, { token: CANARIES[2] });
        await ask(name, path, { token: owner, headers: { cookie: `session=${CANARIES[4]}` } });
      }
      const refused = await ask(name, '/v1/chat/completions', { token: CANARIES[2], body: { model: 'x', messages: [] } });
      expect([name, refused.status < 500]).toEqual([name, true]);
    }
    for (const door of allGrpcDoors()) {
      const { path, requestStream, responseStream, service } = door;
      const answer = await caller.call(service, {
        path,
        requestStream,
        responseStream,
        request: Buffer.alloc(0),
        token: CANARIES[3],
      });
      expect([path, answer.code]).toEqual([path, status.UNAUTHENTICATED]);
      answers.push(answer.details, answer.trailers);
    }
  }, 120_000);

  it('keeps secrets out of logs, events, dead letters and answers', async () => {
    const { signingKey, databasePasswords } = loop.home.secrets();
    const secrets = [signingKey, ...Object.values(databasePasswords), apiKeySecret, owner, stranger, ...CANARIES];
    expect(secrets.every((secret) => secret.length >= 16)).toBe(true);
    const leaks: string[] = [];
    const look = (where: string, text: string): void => {
      secrets.forEach((secret, index) => {
        // Base64 of a Basic header would be as good as the secret itself.
        for (const form of [secret, Buffer.from(`me:${secret}`).toString('base64')])
          if (text.includes(form)) leaks.push(`secret ${index} in ${where}`);
      });
    };
    const logs = loop.logs();
    expect(Object.keys(logs).length).toBeGreaterThanOrEqual(7);
    for (const [file, text] of Object.entries(logs)) look(file, text);
    look('what the demo printed', loop.demo.output);
    look('answers', answers.join('\n'));
    let rows = 0;
    for (const [name, url] of Object.entries(loop.home.readState()?.databaseUrls ?? {})) {
      const { database, close } = openPersistence({ databaseUrl: url, applicationName: 'canary', connectionsMax: 1 });
      try {
        const tables = name === 'events' ? ['messages'] : ['outbox', 'dead_letters', 'idempotency_keys'];
        for (const table of tables) {
          const texts = await database.query<{ row: string }>(`select to_jsonb(t)::text as row from ${table} t`);
          rows += texts.length;
          // bytea is shown in hex: payloads are looked at as text, too.
          for (const { row } of texts)
            look(
              `${name}.${table}`,
              row + row.replace(/\\\\x([0-9a-f]+)/g, (_match, hex: string) => Buffer.from(hex, 'hex').toString('utf8')),
            );
        }
      } finally {
        await close();
      }
    }
    expect(rows).toBeGreaterThan(1_000);
    expect([...new Set(leaks)]).toEqual([]);
  }, 60_000);
});
