// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { openPersistence } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { processNames, type ProcessName } from '../../deploy/local/processes';
import { grpcCases } from '../hostile/isolation/grpc-cases';
import { fill, fillAll, harvest, type Harvest } from '../hostile/isolation/harvest';
import { httpCases } from '../hostile/isolation/http-cases';
import { judge } from '../hostile/isolation/judge';
import { SecretScan } from '../hostile/isolation/secret-scan';
import { outcomeOf, Visitor } from '../hostile/isolation/visitor';
import { allGrpcDoors, shortName } from '../support/grpc-doors';
import { allHttpDoors } from '../support/http-doors';
import { SENT_SECRETS } from '../support/platform-secrets';
import { WalkedLoop } from '../support/walked-loop';

describe('the loop on the embedded broker, with identity on', () => {
  let loop: WalkedLoop;
  let owner: string;
  let stranger: string;
  let found: Harvest;
  let visitor: Visitor;
  /** Credentials that were right and were used. */
  const used: Record<string, string> = {};

  beforeAll(async () => {
    loop = await WalkedLoop.walk();
    [owner, stranger] = await Promise.all([loop.token('default'), loop.token('elsewhere')]);
    Object.assign(used, { 'token of the owner': owner, 'token of the stranger': stranger });
    visitor = new Visitor(loop);
    found = await harvest((service, path, body) => read(service as ProcessName, path, body));
  }, 700_000);
  afterAll(async () => {
    visitor?.close();
    await loop?.end();
  }, 60_000);

  /** JSON of an answer to the owner. */
  async function read(name: ProcessName, path: string, body?: unknown): Promise<unknown> {
    const answer = await visitor.ask(name, path, { token: owner, body });
    if (answer.status >= 300) throw new Error(`${name} ${path} answered ${answer.status}: ${answer.body}`);
    return JSON.parse(answer.body) as unknown;
  }

  it('closes: rows, model, traffic, feedback, better model, canaries; every fact observed', () => {
    for (const line of ['the test promoted version 2', 'the test rolled back version 3', 'the audit chain', 'facts observed in'])
      expect(loop.demo.output).toContain(line);
  });

  it('shows nothing of a workspace to another one, at every reading HTTP route', async () => {
    const wrong: string[] = [];
    for (const { process, name, route } of allHttpDoors()) {
      const expected = httpCases[name];
      if (expected === undefined) continue;
      // A case is written for one of MLflow's two prefixes.
      const template = route.startsWith('/ajax-api/') ? expected.path.replace(/^\/api/, '/ajax-api') : expected.path;
      const path = fill(template, found);
      const body = expected.body === undefined ? undefined : fillAll(expected.body, found);
      const ask = async (token: string, workspace: string) =>
        outcomeOf(await visitor.ask(process, path, { token, workspace, body }));
      const asked = {
        said: decodeURIComponent(path) + JSON.stringify(body ?? ''),
        namesThing: /\{\w+\}/.test(expected.path + JSON.stringify(expected.body ?? '')),
        own: await ask(owner, 'default'),
        foreign: await ask(stranger, 'elsewhere'),
        across: await ask(stranger, 'default'),
      };
      wrong.push(...judge(expected, asked, found).map((fault) => `${name}: ${fault}`));
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  it('shows nothing of a workspace to another one, at every reading RPC, streams too', async () => {
    const wrong: string[] = [];
    for (const door of allGrpcDoors()) {
      const expected = grpcCases[shortName(door)];
      if (expected === undefined) continue;
      const request = fillAll(expected.request, found) as JsonObject;
      const asked = {
        said: JSON.stringify(request),
        namesThing: /\{\w+\}/.test(JSON.stringify(expected.request)),
        own: await visitor.call(door, request, { token: owner, workspace: 'default' }),
        foreign: await visitor.call(door, request, { token: stranger, workspace: 'elsewhere' }),
        across: await visitor.call(door, request, { token: stranger, workspace: 'default' }),
      };
      wrong.push(...judge(expected, asked, found).map((fault) => `${shortName(door)}: ${fault}`));
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  it('refuses wrong credentials at every service', async () => {
    const basic = { authorization: `Basic ${Buffer.from(`me:${SENT_SECRETS.basic}`).toString('base64')}` };
    for (const name of processNames) {
      for (const path of ['/api/v1/models', '/v1/models', '/api/v1/jobs?pageToken=x', '/api/2.0/mlflow/runs/get?run_id=x']) {
        await visitor.ask(name, path, { token: SENT_SECRETS.bearer });
        await visitor.ask(name, path, { headers: basic });
        await visitor.ask(name, path, { token: SENT_SECRETS.apiKey });
        await visitor.ask(name, path, { token: owner, headers: { cookie: `session=${SENT_SECRETS.cookie}` } });
      }
      const body = { model: 'x', messages: [] };
      const refused = await visitor.ask(name, '/v1/chat/completions', { token: SENT_SECRETS.apiKey, body });
      expect([name, refused.status < 500]).toEqual([name, true]);
    }
    for (const door of allGrpcDoors())
      expect([door.path, await visitor.codeOf(door, SENT_SECRETS.grpc)]).toEqual([door.path, status.UNAUTHENTICATED]);
  }, 120_000);

  it('takes right credentials for work that makes events: a completion, feedback, an alias', async () => {
    const created = await fetch(`${loop.http('gateway')}/api/v1/api-keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close', authorization: `Bearer ${owner}` },
      body: '{"name":"canary"}',
    });
    // Shown once, here: this answer is not among those that are looked at.
    used['API key'] = ((await created.json()) as { secret: string }).secret;
    used['token of another admin'] = await loop.token('default');
    const body = {
      model: found.endpoint,
      messages: [{ role: 'user', content: 'a small furry canary in a mine' }],
      max_tokens: 2,
    };
    const inferenceId = await eventually(async () => {
      const { status: code, headers } = await visitor.ask('gateway', '/v1/chat/completions', { token: used['API key'], body });
      return code === 200 && (headers.get('x-millrace-inference-id') ?? false);
    });
    await eventually(() => read('monitoring', `/api/v1/inferences/${inferenceId}`));
    await write('monitoring', '/api/v1/feedback', {
      target: { kind: 'inference', id: inferenceId },
      metric: 'correct',
      value: true,
      rater: { id: 'canary-rater', kind: 'human_end_user' },
    });
    await write('registry', `/api/v1/models/${found.model}/aliases/canary/moves`, { version: 1, reason: 'looking for secrets' });
    await eventually(async () => expect(await eventsAbout(inferenceId, '"canary"')).toEqual([true, true]));
  }, 90_000);

  async function write(name: ProcessName, path: string, body: unknown): Promise<void> {
    const answer = await visitor.ask(name, path, { token: used['token of another admin'], body });
    if (answer.status >= 300) throw new Error(`${name} ${path} answered ${answer.status}: ${answer.body}`);
  }

  /** Whether the event log has a message that contains each of the texts. */
  async function eventsAbout(...texts: string[]): Promise<boolean[]> {
    const { database, close } = openPersistence({ databaseUrl: urls().events, applicationName: 'canary', connectionsMax: 1 });
    try {
      const look = 'select 1 from messages where position(convert_to($1, $2) in value) > 0 limit 1';
      return await Promise.all(texts.map(async (text) => (await database.query(look, [text, 'utf8'])).length > 0));
    } finally {
      await close();
    }
  }

  function urls(): Record<string, string> {
    return loop.home.readState()?.databaseUrls ?? {};
  }

  it('keeps secrets out of logs, files, events, every table, metrics and answers', async () => {
    const wrong = Object.fromEntries(Object.entries(SENT_SECRETS).map(([kind, secret]) => [`wrong ${kind}`, secret]));
    const scan = new SecretScan({ ...loop.secrets(), ...used, ...wrong });
    scan.look('output of the demo', loop.demo.output);
    scan.look('answers', visitor.answers.join('\n'));
    for (const name of processNames) scan.look(`metrics of ${name}`, (await visitor.ask(name, '/metrics', {})).body);
    for (const file of ['secrets.json', 'state.json'])
      expect([file, statSync(join(loop.folder, file)).mode & 0o077]).toEqual([file, 0]);
    // The two files are where the launcher keeps secrets; tables are read by SQL below.
    scan.lookAtFolder(loop.folder, ['secrets.json', 'state.json', 'postgres']);
    scan.lookAtFolder(loop.postgresFolder, ['password', 'data']);
    for (const [name, databaseUrl] of Object.entries(urls())) {
      const { database, close } = openPersistence({ databaseUrl, applicationName: 'canary', connectionsMax: 1 });
      try {
        await scan.lookAtDatabase(name, database);
      } finally {
        await close();
      }
    }
    expect(Object.keys(urls())).toHaveLength(7);
    for (const kind of ['answers', 'database', 'file', 'metrics', 'output'])
      expect([kind, scan.bytesSeen[kind] > 1_000]).toEqual([kind, true]);
    expect([...scan.leaks]).toEqual([]);
  }, 120_000);
});
